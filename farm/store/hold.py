"""The exclusive right to coordinate a shard, and the epoch that outlives it.

Two things keep a second coordinator out. A lock that the operating system or the server releases when its holder
dies, however it dies: an OS file lock beside an SQLite file, an advisory lock held by a connection of its own on
PostgreSQL. And the epoch, a number in the database that every start raises and every write transaction checks: a
process that was frozen, or whose lock was taken over, finds its own too old and writes nothing
(M. Kleppmann, "How to do distributed locking", 2016: the lock is for efficiency, the fence for correctness).
"""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from farm.errors import StoreError
from farm.model.identity import digest
from farm.store.engine import Database
from farm.store.failures import translated

__all__ = ["Epoch", "ShardLock", "shard_lock", "since"]


@dataclass(frozen=True)
class Epoch:
    """The right to write for a shard, until somebody takes the next number."""

    shard: str
    number: int


class ShardLock(ABC):
    """A lock that dies with its holder."""

    @abstractmethod
    def acquire(self) -> bool:
        """Take it now or not at all; True also where it is held by this object already."""

    @abstractmethod
    def release(self) -> None: ...

    @abstractmethod
    def look(self) -> None:
        """After a failure of the database: notice if the lock went with it, so that it is taken again."""


def shard_lock(database: Database, shard: str) -> ShardLock:
    """The lock of a shard of this database. The shard's name becomes part of a file's name."""
    if not shard or not shard.replace("-", "").replace("_", "").isalnum():
        raise StoreError(f"`{shard}` cannot name a shard.", hint="Letters, digits, - and _ can.")
    if database.path is not None:
        return _FileShardLock(database.path.with_name(f"{database.path.name}.{shard}.lock"))
    return _AdvisoryShardLock(database, shard)


class _FileShardLock(ShardLock):
    def __init__(self, path: Path) -> None:
        # Whoever closes the store need not be the thread that opened it.
        self._lock = FileLock(path, timeout=0, thread_local=False)

    def acquire(self) -> bool:
        if self._lock.is_locked:
            return True
        try:
            self._lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            raise StoreError(
                f"The lock file {self._lock.lock_file} cannot be made: {error.strerror}.",
                hint="Check who owns the folder of the database, and that its disk is not full.",
            ) from error
        return True

    def release(self) -> None:
        self._lock.release()

    def look(self) -> None:
        """An OS lock goes only with its process."""


class _AdvisoryShardLock(ShardLock):
    def __init__(self, database: Database, shard: str) -> None:
        self._database = database
        self._key = int(digest(["farm shard", shard])[:15], 16)
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        if self._connection is not None:
            return True
        with translated(self._database.where):
            connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            # The server lets go of a host that lost its power after 30 s, not after two hours.
            for name, value in (("idle", 10), ("interval", 5), ("count", 4)):
                connection.execute(text(f"SET tcp_keepalives_{name} = {value}"))
            if connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}).scalar_one():
                self._connection = connection
            else:
                connection.close()
        return self._connection is not None

    def look(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            self.release()

    def release(self) -> None:
        if self._connection is not None:
            # Closing the session itself lets go, also where the server is gone.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def since(unix_s: float) -> str:
    """A moment as people read it, in their own time zone."""
    return datetime.datetime.fromtimestamp(unix_s).astimezone().isoformat(sep=" ", timespec="seconds")
