"""What must hold of every job after anything that was survived, checked on the database itself.

The audit log of each job is replayed through the life of a job (`farm.store.leases`) and compared with its rows:

- **I1** a job that is finished ended exactly once, and a run is closed if and only if all its jobs are finished;
- **I2** a job that passed has one result, of the fence that it was finished under; no other job has one;
- **I7** there is an audit row for each transition, and no other;
- every claim has its attempt row, and an attempt is closed if and only if its lease is over.

Fault tests and `farm doctor` ask; an empty answer is a sound database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, select

from farm.model.attempt import Outcome
from farm.model.job import JobState, RunState
from farm.store.audit import AuditKind
from farm.store.store import Store
from farm.store.tables import ATTEMPT, AUDIT, JOB, RESULT, RUN

__all__ = ["violations"]


@dataclass
class _Life:
    """A job's life as the audit log tells it."""

    state: JobState | None = None
    fence: int = 0
    attempts: int = 0
    faults: list[str] = field(default_factory=list)

    def replay(self, rows: Iterable[Row[Any]]) -> None:
        for row in rows:
            kind = AuditKind(row.kind)
            if not self._follow(kind, row.fence):
                was = self.state.value if self.state else "unknown"
                self.faults.append(f"{kind.value} (fence {row.fence}) while {was} under fence {self.fence}")

    def _follow(self, kind: AuditKind, fence: int | None) -> bool:
        was = self.state
        if kind is AuditKind.QUEUED:
            self.state = JobState.QUEUED
            return was is None
        if kind is AuditKind.CLAIMED:
            self.state = JobState.LEASED
            self.fence += 1
            return was is JobState.QUEUED and fence == self.fence
        self.attempts += was is JobState.LEASED and kind is not AuditKind.GIVEN_BACK
        self.state = JobState.FINISHED if kind is AuditKind.FINISHED else JobState.QUEUED
        if fence is not None:
            return was is JobState.LEASED and fence == self.fence
        return kind is AuditKind.FINISHED and was in {None, JobState.QUEUED}


def violations(store: Store) -> list[str]:
    """One sentence for each thing that does not hold; none on a sound database. Reads everything but the samples."""
    with store.read() as connection:
        return [*_of_jobs(connection), *_of_runs(connection)]


def _of_jobs(connection: Connection) -> Iterator[str]:
    audit = _by_job(connection, select(AUDIT.c.job_no, AUDIT.c.kind, AUDIT.c.fence), AUDIT.c.job_no, AUDIT.c.audit_id)
    attempts = _by_job(connection, select(ATTEMPT.c.job_no, ATTEMPT.c.fence, ATTEMPT.c.ended_by), ATTEMPT.c.job_no)
    results = _by_job(connection, select(RESULT.c.job_no, RESULT.c.fence), RESULT.c.job_no)
    for job in connection.execute(select(JOB).order_by(JOB.c.job_no)):
        life = _Life()
        life.replay(audit.pop(job.job_no, ()))
        tries = attempts.pop(job.job_no, ())
        found = [*life.faults, *_against_row(job, life), *_against_attempts(job, tries)]
        found += _against_result(job, [row.fence for row in results.pop(job.job_no, ())])
        yield from (f"job {job.job_id}: {fault}" for fault in found)
    for name, left in (("audit rows", audit), ("attempts", attempts), ("results", results)):
        yield from (f"{name} of a job {job_no} that does not exist" for job_no in left)


def _by_job(connection: Connection, query: Any, job_no: Any, *order: Any) -> dict[int, list[Row[Any]]]:
    rows = connection.execute(query.where(job_no.is_not(None)).order_by(job_no, *order))
    return {number: list(group) for number, group in groupby(rows, key=attrgetter("job_no"))}


def _against_row(job: Row[Any], life: _Life) -> Iterator[str]:
    told = (life.state.value if life.state else None, life.fence, life.attempts)
    if told != (job.state, job.fence, job.attempts):
        yield (
            f"is {job.state} under fence {job.fence} after {job.attempts} attempts, but the audit log says "
            f"{told[0]}, {told[1]}, {told[2]}"
        )
    if (job.state == JobState.FINISHED.value) != (job.outcome is not None):
        yield f"is {job.state} with outcome {job.outcome}"


def _against_attempts(job: Row[Any], attempts: Iterable[Row[Any]]) -> Iterator[str]:
    fences = sorted(attempt.fence for attempt in attempts)
    if fences != list(range(1, job.fence + 1)):
        yield f"has attempts {fences} for {job.fence} claims"
    open_fences = [attempt.fence for attempt in attempts if attempt.ended_by is None]
    if open_fences != ([job.fence] if job.state == JobState.LEASED.value else []):
        yield f"is {job.state} with open attempts {open_fences}"


def _against_result(job: Row[Any], fences: list[int]) -> Iterator[str]:
    if fences != ([job.fence] if job.outcome == Outcome.PASSED.value else []):
        yield f"ended {job.outcome} under fence {job.fence} and has results of {fences}"


def _of_runs(connection: Connection) -> Iterator[str]:
    unfinished = select(JOB.c.run_id).where(JOB.c.state != JobState.FINISHED.value)
    open_runs = set(connection.execute(unfinished.distinct()).scalars())
    for run in connection.execute(select(RUN.c.run_id, RUN.c.state, RUN.c.finished_unix_s)):
        closed = run.state != RunState.OPEN.value
        if closed == (run.run_id in open_runs) or closed != (run.finished_unix_s is not None):
            yield f"run {run.run_id}: is {run.state}, with unfinished jobs: {run.run_id in open_runs}"
