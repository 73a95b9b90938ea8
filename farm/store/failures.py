"""What a database's refusal means for a person: one `StoreError` that says where, why, and what to try.

SQLite speaks in result codes (https://www.sqlite.org/rescode.html), PostgreSQL in SQLSTATEs
(https://www.postgresql.org/docs/current/errcodes-appendix.html), or in none where it could not be reached at all.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, StatementError

from farm.errors import StoreError

__all__ = ["SqliteCode", "explain", "sqlite_code", "translated"]


class SqliteCode(enum.IntEnum):
    """Primary result codes; the text is the one that SQLite gives with it."""

    text: str

    def __new__(cls, code: int, text: str) -> SqliteCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    PERM = 3, "access permission denied"
    BUSY = 5, "database is locked"
    READONLY = 8, "attempt to write a readonly database"
    IOERR = 10, "disk I/O error"
    CORRUPT = 11, "database disk image is malformed"
    FULL = 13, "database or disk is full"
    CANTOPEN = 14, "unable to open database file"
    NOTADB = 26, "file is not a database"


_SQLITE = {
    SqliteCode.PERM: ("may not be opened", "Check who owns the file and its folder."),
    SqliteCode.BUSY: (
        "is locked by another process, and stayed so",
        "Find it with `fuser` or `lsof`: another coordinator, a backup or an open `sqlite3` shell.",
    ),
    SqliteCode.READONLY: (
        "may not be written",
        "Check who owns the file and its folder, or name another with FARM_DATABASE_URL.",
    ),
    SqliteCode.IOERR: (
        "could not be read or written: the disk reports an error or a size limit",
        "Look at `dmesg`, `df` and `ulimit -f`. What was recorded before is intact; nothing was half-written.",
    ),
    SqliteCode.CORRUPT: ("is damaged", "Keep a copy of it, try `sqlite3 FILE .recover`, or restore a backup."),
    SqliteCode.FULL: (
        "could not grow: the disk is full",
        "Free some space (`df` shows where). What was recorded before is intact; boards keep what is not.",
    ),
    SqliteCode.CANTOPEN: ("cannot be opened", "Check that its folder exists and may be written."),
    SqliteCode.NOTADB: ("is not an SQLite database", "Name another file, or move this one away."),
}

_UNREACHABLE = ("cannot be reached", "Check that the server runs, and the host and port of the address.")
_POSTGRES = {
    "08": _UNREACHABLE,
    "57P": _UNREACHABLE,
    "28": ("refuses this user", "Check the user and the password of the address, and the server's pg_hba.conf."),
    "3D": ("does not exist on this server", "Create it: `createdb NAME`."),
    "42501": ("does not let this user make or write tables", "Grant it: `GRANT ALL ON SCHEMA public TO user`."),
    "53100": ("could not grow: the server's disk is full", "Free some space there; boards keep what was not recorded."),
    "53300": ("has no connection left", "Raise the server's max_connections, or stop other clients."),
    "25006": ("is read-only", "Name the primary, not a standby."),
}


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises inside into `StoreError`; `where` names the database, without a password."""
    try:
        yield
    except SQLAlchemyError as error:
        raise explain(error, where) from error


def explain(error: SQLAlchemyError, where: str) -> StoreError:
    """The sentence for a person, and what to try."""
    if not isinstance(error, DBAPIError):
        cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
        return StoreError(f"The database {where} could not be used: {cause}.", hint="This is a defect of the farm.")
    orig = error.orig
    code = sqlite_code(orig)
    if code is not None:
        what, hint = _SQLITE[code]
        return StoreError(f"The database {where} {what}.", hint=hint)
    if not type(orig).__module__.startswith("sqlite3"):
        state = getattr(orig, "sqlstate", None)
        if state is None and (error.connection_invalidated or isinstance(error, OperationalError)):
            what, hint = _UNREACHABLE
            return StoreError(f"The database {where} {what}: {_first_line(orig)}.", hint=hint)
        for prefix, (what, hint) in _POSTGRES.items():
            if str(state).startswith(prefix):
                return StoreError(f"The database {where} {what}: {_first_line(orig)}.", hint=hint)
    return StoreError(f"The database {where} refused: {_first_line(orig)}.", hint="Nothing of this step was written.")


def sqlite_code(error: BaseException | None) -> SqliteCode | None:
    """The primary result code of an sqlite3 error that we have a word for, else None."""
    number = getattr(error, "sqlite_errorcode", None)
    if number is not None:
        return next((code for code in SqliteCode if code == number & 0xFF), None)
    if type(error).__module__ != "sqlite3":
        return None
    # Python 3.10 does not tell the code, only SQLite's own fixed text for it.
    return next((code for code in SqliteCode if code.text in str(error)), None)


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
