"""How the farm reaches its database: an SQLite file, or a PostgreSQL server.

    sqlite:///farm.db                        a file in this folder
    sqlite:////var/lib/farm/farm.db          a file anywhere
    postgresql://user:password@host/farm     a server (psycopg 3)

What survives: a transaction that has returned is on the disk. SQLite runs in WAL mode with `synchronous=FULL`, which
syncs the log at each commit, so an acked record outlives a power cut and not only a crash (the WAL's own default,
NORMAL, would lose the last commits; https://www.sqlite.org/pragma.html#pragma_synchronous). PostgreSQL's defaults
say the same. Group commit makes it cheap: all writes of a few milliseconds share one sync.

SQLite has one writer, so a write transaction takes its lock at once (`BEGIN IMMEDIATE`): it waits up to
`BUSY_TIMEOUT_S` there and never fails half-way. Readers see the last commit and never wait.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError

from farm.errors import StoreError, UnknownRunError
from farm.store.failures import SqliteCode, sqlite_code, translated

__all__ = ["BUSY_TIMEOUT_S", "Database", "connect"]

BUSY_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 10
_WRITE = "farm_write"
_WAL_BYTES_KEPT = 64 * 2**20
_CACHE_KIB = 16_384
_EXAMPLES = "Write sqlite:///FILE (sqlite:////FOLDER/FILE from the root) or postgresql://USER@HOST/DATABASE."


@dataclass(frozen=True)
class Database:
    """An engine, and transactions on it whose failures are `StoreError`."""

    engine: Engine
    where: str
    """The address without a password, for people."""
    path: Path | None
    """The file of an SQLite database."""

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with translated(self.where), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or leaves nothing."""
        with (
            translated(self.where),
            self.engine.connect() as connection,
            connection.execution_options(**{_WRITE: True}).begin(),
        ):
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def connect(url: str, *, read_only: bool = False) -> Database:
    """Parse the address and make an engine; the first transaction opens the first connection. Raises `StoreError`."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"`{url}` is not the address of a database.", hint=_EXAMPLES) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, read_only=read_only)
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return _postgresql(parsed.set(drivername="postgresql+psycopg"), read_only=read_only)
    raise StoreError(f"The farm keeps its data in SQLite or PostgreSQL, not in `{parsed.drivername}`.", hint=_EXAMPLES)


def _sqlite(url: URL, *, read_only: bool) -> Database:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError("An SQLite database has to be a file.", hint=_EXAMPLES)
    path = Path(url.database).expanduser().absolute()
    if path.is_dir():
        raise StoreError(f"The database {path} is a folder.", hint=f"Name a file in it: sqlite:///{path}/farm.db")
    if read_only and not path.exists():
        raise UnknownRunError(
            f"There is no database {path}: nothing was ever run here.",
            hint="`farm submit` makes one; FARM_HOME or FARM_DATABASE_URL names another.",
        )
    if not read_only:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder of the database {path} cannot be made: {error.strerror}.",
                hint="Name another with FARM_DATABASE_URL.",
            ) from error
    engine = sqlalchemy.create_engine(
        URL.create("sqlite", database=str(path)),
        # As PostgreSQL's driver does: rows are dictionaries (see farm.store.statements).
        paramstyle="named",
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own idea of when to begin is in the way of BEGIN IMMEDIATE.
        connection.isolation_level = None
        if read_only:
            connection.execute("PRAGMA query_only=ON")
            return
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES_KEPT}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")

    def on_begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return Database(engine=engine, where=str(path), path=path)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn WAL on. While another process does so too, SQLite answers busy at once instead of waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if sqlite_code(error) is not SqliteCode.BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _postgresql(url: URL, *, read_only: bool) -> Database:
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "farm"}
    if read_only:
        arguments["options"] = "-c default_transaction_read_only=on"
    engine = sqlalchemy.create_engine(
        url,
        # A server that was restarted leaves dead connections behind.
        pool_pre_ping=True,
        connect_args={key: value for key, value in arguments.items() if key not in url.query},
    )
    return Database(engine=engine, where=url.set(drivername="postgresql").render_as_string(), path=None)
