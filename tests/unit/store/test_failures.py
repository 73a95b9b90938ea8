"""A database's refusal, in words for a person."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import InterfaceError, OperationalError, StatementError

from farm.store.failures import SqliteCode, explain, sqlite_code


@pytest.mark.parametrize("code", SqliteCode)
def test_every_sqlite_code_has_its_words_on_every_python(code: SqliteCode) -> None:
    # Python 3.10 gives no code, only SQLite's text.
    error = sqlite3.OperationalError(code.text)
    assert sqlite_code(error) is code
    explained = explain(OperationalError("INSERT", {}, error), "farm.db")
    assert explained.message.startswith("The database farm.db ")
    assert explained.hint


def test_an_extended_code_counts_as_its_primary_one() -> None:
    class BusySnapshot(sqlite3.OperationalError):
        sqlite_errorcode = 5 | 2 << 8

    assert sqlite_code(BusySnapshot("…")) is SqliteCode.BUSY


def test_what_we_have_no_word_for_is_quoted() -> None:
    error = sqlite3.IntegrityError("UNIQUE constraint failed: job.job_id")
    assert explain(OperationalError("INSERT", {}, error), "farm.db").message == (
        "The database farm.db refused: UNIQUE constraint failed: job.job_id."
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.DiskFull("No space left on device"), "the server's disk is full"),
        (psycopg.errors.InvalidPassword("password authentication failed"), "refuses this user"),
        (psycopg.errors.AdminShutdown("terminating connection"), "cannot be reached"),
        (psycopg.errors.TooManyConnections("sorry"), "no connection left"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"), "is read-only"),
        (psycopg.OperationalError("connection refused\nmore"), "cannot be reached: connection refused."),
        (psycopg.errors.UniqueViolation("duplicate key"), "refused: duplicate key."),
    ],
)
def test_postgresql_is_understood_by_its_sqlstate(error: psycopg.Error, words: str) -> None:
    assert words in explain(OperationalError("INSERT", {}, error), "postgresql://farm").message


def test_a_value_that_cannot_be_sent_is_a_defect() -> None:
    error = StatementError("…", "INSERT", {}, OverflowError("int too large"))
    assert "int too large" in explain(error, "farm.db").message
    assert (
        "int too large" in explain(InterfaceError("INSERT", {}, psycopg.InterfaceError("int too large")), "x").message
    )
