"""The store: the only truth about runs, jobs, boards and results.

One class for SQLite and PostgreSQL, synchronous; a coordinator calls it from one writer thread. What it returns from
is on the disk. A coordinator first takes its shard, and then every transaction of it checks that nobody has since:

    store = Store.open("sqlite:///farm.db")
    epoch = store.hold("main", host="bench-1")
    store.create_run(epoch, run, jobs)
    store.apply(epoch, [ClaimWrite(Lease(jobs[0].job_id, fence=1), board_id="pi-4", attempt=1)])

Reading is for everybody, also while a coordinator writes: `Store.open_readonly` and `farm.store.queries`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from farm.errors import AlreadyRunningError, StaleEpochError, StoreError
from farm.model.board import BoardHealth, BoardIntent
from farm.model.job import ArtifactRef, Job, JobState, Run
from farm.store.audit import AuditKind, AuditTrail
from farm.store.batch import Batch, finish_runs
from farm.store.engine import Database, connect
from farm.store.hold import Epoch, ShardLock, shard_lock, since
from farm.store.sanitise import is_storable, plain
from farm.store.schema import ensure_current, require_current
from farm.store.statements import AUDIT_JOBS, EPOCH, INSERT_AUDIT, INSERT_JOB, INSERT_SPEC, execute_many
from farm.store.tables import ARTIFACT, BOARD, GATEWAY, JOB, JOB_SPEC, RUN
from farm.store.values import Digests, job_columns, job_from, run_columns, spec_columns
from farm.store.writes import Write, WriteResult

__all__ = ["Epoch", "Store"]


class Store:
    """An open database. Safe to use from several threads; each call is one transaction."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._locks: dict[str, ShardLock] = {}

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Store:
        """Open the database, and create or migrate it where that is needed.

        `clock` says the time of day in Unix seconds, for the stamps in the tables. Raises `StoreError`.
        """
        return cls._opened(connect(url), ensure_current, clock)

    @classmethod
    def open_readonly(cls, url: str) -> Store:
        """Open an existing database to read it, also while a coordinator writes. Raises `StoreError`."""
        return cls._opened(connect(url, read_only=True), require_current, time.time)

    @classmethod
    def _opened(cls, database: Database, check: Callable[[Database], None], clock: Callable[[], float]) -> Store:
        try:
            check(database)
        except BaseException:
            database.close()
            raise
        return cls(database, clock=clock)

    @property
    def where(self) -> str:
        """The database's address for people: the file, or the URL without its password."""
        return self._database.where

    def close(self) -> None:
        """Give up the shards that are held, and close. Closing again does nothing."""
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, for `farm.store.queries`."""
        with self._database.read() as connection:
            yield connection

    def hold(self, shard: str, *, host: str, takeover: bool = False) -> Epoch:
        """Take the exclusive right to coordinate a shard, until `close` or the end of this process.

        `takeover` takes it from a holder that is alive, as when Ray has restarted a gateway whose old process
        lingers: the old one's next write raises `StaleEpochError`, and its lock is inherited when it goes.
        Raises `AlreadyRunningError`, naming who holds it.
        """
        lock = self._locks.get(shard) or shard_lock(self._database, shard)
        if not lock.acquire() and not takeover:
            raise self._already_running(shard)
        try:
            epoch = self._raise_epoch(shard, host)
        except BaseException:
            lock.release()
            raise
        self._locks[shard] = lock
        return epoch

    def create_run(self, epoch: Epoch, run: Run, jobs: Sequence[Job]) -> bool:
        """Store a run and its jobs; False, and nothing is changed, where a run of that id is there already.

        Jobs that are finished as they come (no board can run them) are stored so, with no lease ever taken.
        """
        now = self._clock()
        digests = Digests()
        rows = [job_columns(job, now_unix_s=now) for job in jobs]
        specs = [{"b_job_id": job.job_id, **spec_columns(job.spec, digests=digests)} for job in jobs]
        with self._database.write() as connection:
            self._check(connection, epoch)
            new = self._insert_ignoring(RUN).returning(RUN.c.run_id)
            if connection.execute(new, run_columns(run, job_count=len(jobs))).first() is None:
                return False
            trail = replace(_trail(epoch, now), actor=plain(run.submitted_by))
            audit = [trail.row(AuditKind.SUBMITTED, run_id=run.run_id, detail=f"{run.name}: {len(jobs)} jobs")]
            execute_many(connection, INSERT_AUDIT, audit)
            if rows:
                execute_many(connection, INSERT_JOB, rows)
                execute_many(connection, INSERT_SPEC, specs)
                connection.execute(AUDIT_JOBS, {**trail.stamp(), "b_run_id": run.run_id})
            if all(job.state is JobState.FINISHED for job in jobs):
                execute_many(connection, INSERT_AUDIT, finish_runs(connection, trail, [run.run_id]))
        return True

    def apply(self, epoch: Epoch, writes: Sequence[Write]) -> list[WriteResult]:
        """Carry the writes out as one transaction; one answer for each, in order.

        Each is judged by its own condition (`farm.store.writes`), several for one job as if one after another; one
        that is stale disturbs no other. Raises `StaleEpochError` where a newer gateway took the shard, and
        `StoreError` where the database fails: then nothing of it was written, and it may be sent again.
        """
        if not writes:
            return []
        lock = self._locks.get(epoch.shard)
        try:
            if lock is not None:
                # After a takeover the old holder may have let go by now.
                lock.acquire()
            with self._database.write() as connection:
                self._check(connection, epoch)
                return Batch(connection, _trail(epoch, self._clock())).apply(writes)
        except StaleEpochError:
            raise
        except StoreError:
            if lock is not None:
                lock.look()
            raise

    def load_unfinished(self) -> list[Job]:
        """Every job that is queued or leased, the oldest run's first, in the order in which each was submitted."""
        query = (
            select(JOB, JOB_SPEC)
            .join(JOB_SPEC, JOB_SPEC.c.job_no == JOB.c.job_no)
            .join(RUN, RUN.c.run_id == JOB.c.run_id)
            .where(JOB.c.state != JobState.FINISHED.value)
            .order_by(RUN.c.created_unix_s, JOB.c.job_no)
        )
        with self.read() as connection:
            return [job_from(row) for row in connection.execute(query)]

    def load_boards(self) -> dict[str, tuple[BoardHealth, BoardIntent]]:
        """Health and intent of every board that was ever seen, by id."""
        with self.read() as connection:
            rows = connection.execute(select(BOARD.c.board_id, BOARD.c.health, BOARD.c.intent))
            return {row.board_id: (BoardHealth(row.health), BoardIntent(row.intent)) for row in rows}

    def put_artifact_row(self, artifact: ArtifactRef) -> None:
        """Remember that a file is there. Its first name stays."""
        row = {
            "sha256": artifact.sha256,
            "size_bytes": artifact.size_bytes,
            "name": artifact.name,
            "added_unix_s": self._clock(),
        }
        with self._database.write() as connection:
            connection.execute(self._insert_ignoring(ARTIFACT), row)

    def known_artifacts(self, digests: Collection[str]) -> dict[str, ArtifactRef]:
        """Those of the files that are remembered, by sha256."""
        wanted = sorted({sha256 for sha256 in digests if is_storable(sha256)})
        with self.read() as connection:
            rows = connection.execute(select(ARTIFACT).where(ARTIFACT.c.sha256.in_(wanted)))
            return {row.sha256: ArtifactRef(row.sha256, row.size_bytes, row.name) for row in rows}

    def _check(self, connection: Connection, epoch: Epoch) -> None:
        newest = connection.execute(EPOCH, {"shard": epoch.shard}).scalar()
        if newest != epoch.number:
            raise StaleEpochError(
                f"Another coordinator has taken over: shard {epoch.shard} is in epoch {newest}, this one's is "
                f"{epoch.number}.",
                hint="This one stops. Nothing is lost: boards keep what was not acked, and send it to the new one.",
            )

    def _raise_epoch(self, shard: str, host: str) -> Epoch:
        now = self._clock()
        row = {"shard": shard, "epoch": 1, "pid": os.getpid(), "host": host, "started_unix_s": now}
        first: Any = self._dialect.insert(GATEWAY).values(row)
        raised = first.on_conflict_do_update(
            index_elements=[GATEWAY.c.shard],
            set_={**{name: row[name] for name in ("pid", "host", "started_unix_s")}, "epoch": GATEWAY.c.epoch + 1},
        ).returning(GATEWAY.c.epoch)
        with self._database.write() as connection:
            epoch = Epoch(shard, connection.execute(raised).scalar_one())
            detail = f"epoch {epoch.number}, process {os.getpid()} on {host}"
            execute_many(connection, INSERT_AUDIT, [_trail(epoch, now).row(AuditKind.EPOCH, detail=detail)])
        return epoch

    def _already_running(self, shard: str) -> AlreadyRunningError:
        with self.read() as connection:
            holder = connection.execute(select(GATEWAY).where(GATEWAY.c.shard == shard)).first()
        who = (
            f"process {holder.pid} on {holder.host}, since {since(holder.started_unix_s)}"
            if holder
            else "a process that has just started"
        )
        return AlreadyRunningError(
            f"Another coordinator holds {self.where} (shard {shard}): {who}.",
            hint="Submit to it, stop it with `farm down`, or name another database with FARM_DATABASE_URL.",
        )

    @property
    def _dialect(self) -> Any:
        return sqlite if self._database.is_sqlite else postgresql

    def _insert_ignoring(self, table: Any) -> Any:
        """An insert that does nothing where the key is there, also where another process is just putting it."""
        return self._dialect.insert(table).on_conflict_do_nothing()


def _trail(epoch: Epoch, at_unix_s: float) -> AuditTrail:
    return AuditTrail(at_unix_s=at_unix_s, epoch=epoch.number, actor=f"gateway {epoch.shard}")
