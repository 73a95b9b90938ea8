"""What a person is told when a database cannot be opened."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from farm.errors import StoreError
from farm.store.store import Store
from tests.contract.store.postgres import PostgresServer, _free_port


def refusal(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    return caught.value


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("farm.db", "`farm.db` is not the address of a database"),
        ("postgres:5432/farm", "is not the address of a database"),
        ("postgresql://host:port/farm", "is not the address of a database"),
        ("mysql://host/farm", "not in `mysql`"),
        ("sqlite://", "has to be a file"),
        ("sqlite:///:memory:", "has to be a file"),
        ("sqlite:///file:farm.db?uri=true", "has to be a file"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered_with_one_that_does(url: str, message: str) -> None:
    error = refusal(url)
    assert message in error.message
    assert "sqlite:///FILE" in error.hint
    assert "postgresql://USER@HOST/DATABASE" in error.hint


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    error = refusal(f"sqlite:///{tmp_path}")
    assert error.message == f"The database {tmp_path} is a folder."
    assert f"sqlite:///{tmp_path}/farm.db" in error.hint


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/a/b/farm 100%.db") as store:
        assert store.load_unfinished() == []
    assert (tmp_path / "a" / "b" / "farm 100%.db").exists()


def test_a_text_file_is_no_database_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("name: not a database\n" * 100)
    assert "is not an SQLite database" in refusal(f"sqlite:///{path}").message
    assert path.read_text() == "name: not a database\n" * 100


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    error = refusal(f"sqlite:///{tmp_path}/other.db")
    assert "belongs to another program: it has a table `bookmarks`" in error.message


def test_a_damaged_database_says_so(tmp_path: Path, migrated_file: Path) -> None:
    path = tmp_path / "farm.db"
    shutil.copy(migrated_file, path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)
    assert "is damaged" in refusal(f"sqlite:///{path}").message


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write, root neither: /proc")
def test_a_folder_that_may_not_be_written_is_named() -> None:
    error = refusal("sqlite:////proc/self/farm.db")
    assert "/proc/self/farm.db cannot be opened" in error.message
    assert "cannot be made" in refusal("sqlite:////proc/self/there/farm.db").message


def test_a_reader_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no database") as caught:
        Store.open_readonly(f"sqlite:///{tmp_path}/farm.db")
    assert "farm submit" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    error = refusal(f"postgresql://ada:secret@127.0.0.1:{_free_port()}/farm")
    assert "cannot be reached" in error.message
    assert "secret" not in str(error)


@pytest.mark.postgres
def test_a_database_that_the_server_does_not_have_is_said_to_be_so(postgres: PostgresServer) -> None:
    assert "does not exist" in refusal(postgres.url("nothing")).message


@pytest.mark.postgres
def test_a_user_who_may_not_make_tables_is_told_what_to_grant(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE guest LOGIN"))
        connection.execute(sql.SQL("CREATE DATABASE guarded TEMPLATE template0"))
    with psycopg.connect(postgres.url("guarded"), autocommit=True) as connection:
        connection.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    error = refusal(postgres.url("guarded").replace("postgres@", "guest@"))
    assert "does not let this user make or write tables" in error.message
    assert "GRANT" in error.hint


@pytest.mark.postgres
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_a_postgresql_address_will_do(
    postgres: PostgresServer, migrated_database: str, scheme: str
) -> None:
    with Store.open(postgres.url(migrated_database).replace("postgresql", scheme)) as store:
        assert store.where.startswith("postgresql://")
