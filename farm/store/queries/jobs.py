"""Jobs: where each stands, what was tried, and everything that happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from farm.model.attempt import ErrorKind, Outcome
from farm.model.job import Job, JobState
from farm.store.audit import AuditKind
from farm.store.queries.names import find_id
from farm.store.store import Store
from farm.store.tables import ATTEMPT, AUDIT, JOB, JOB_SPEC
from farm.store.values import job_from

__all__ = ["AttemptEntry", "AuditEntry", "attempts_of_job", "audit_of_job", "find_job", "job_id_of", "jobs_of_run"]


@dataclass(frozen=True)
class AttemptEntry:
    """One try of a job. What is None is not known (yet): the lease holds, or the board never reported."""

    job_id: str
    fence: int
    attempt: int
    board_id: str
    claimed_unix_s: float
    ended_unix_s: float | None
    has_record: bool
    outcome: Outcome | None
    error_kind: ErrorKind | None
    error: str
    log_tail: str
    duration_s: float | None


@dataclass(frozen=True)
class AuditEntry:
    """One thing that happened. `job_id`, `board_id` and `run_id` are empty where it was about something else."""

    at_unix_s: float
    epoch: int | None
    actor: str
    kind: AuditKind
    run_id: str
    job_id: str
    board_id: str
    fence: int | None
    detail: str


_JOB: Select[Any] = select(JOB, JOB_SPEC).join(JOB_SPEC, JOB_SPEC.c.job_no == JOB.c.job_no)


def jobs_of_run(store: Store, run_id: str, *, state: JobState | None = None) -> list[Job]:
    """A run's jobs in the order in which they were submitted."""
    query = _JOB.where(JOB.c.run_id == run_id).order_by(JOB.c.job_no)
    if state is not None:
        query = query.where(JOB.c.state == state.value)
    with store.read() as connection:
        return [job_from(row) for row in connection.execute(query)]


def find_job(store: Store, name: str) -> Job:
    """The job of that id, or the only one whose id begins so. Raises `UnknownRunError`."""
    with store.read() as connection:
        return job_from(connection.execute(_JOB.where(JOB.c.job_id == job_id_of(connection, name))).one())


def attempts_of_job(store: Store, job_id: str) -> list[AttemptEntry]:
    """Every try, the first one first."""
    query = (
        select(ATTEMPT, JOB.c.job_id)
        .join(JOB, JOB.c.job_no == ATTEMPT.c.job_no)
        .where(JOB.c.job_id == job_id)
        .order_by(ATTEMPT.c.fence)
    )
    with store.read() as connection:
        return [_attempt(row) for row in connection.execute(query)]


def audit_of_job(store: Store, job_id: str) -> list[AuditEntry]:
    """Everything that happened to a job, in order."""
    query = (
        select(AUDIT, JOB.c.job_id)
        .join(JOB, JOB.c.job_no == AUDIT.c.job_no)
        .where(JOB.c.job_id == job_id)
        .order_by(AUDIT.c.audit_id)
    )
    with store.read() as connection:
        return [_audit(row) for row in connection.execute(query)]


def job_id_of(connection: Connection, typed: str) -> str:
    """The whole id of a job that a person named. Raises `UnknownRunError`."""
    return find_id(
        connection, JOB, JOB.c.job_id, typed, kind="job", hint="`farm jobs RUN` lists the jobs of a run with their ids."
    )


def _attempt(row: Row[Any]) -> AttemptEntry:
    return AttemptEntry(
        job_id=row.job_id,
        fence=row.fence,
        attempt=row.attempt,
        board_id=row.board_id,
        claimed_unix_s=row.claimed_unix_s,
        ended_unix_s=row.ended_unix_s,
        has_record=row.ended_by == "record",
        outcome=Outcome(row.outcome) if row.outcome else None,
        error_kind=ErrorKind(row.error_kind) if row.error_kind else None,
        error=row.error or "",
        log_tail=row.log_tail or "",
        duration_s=row.duration_s,
    )


def _audit(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        at_unix_s=row.at_unix_s,
        epoch=row.epoch,
        actor=row.actor,
        kind=AuditKind(row.kind),
        run_id=row.run_id or "",
        job_id=row.job_id or "",
        board_id=row.board_id or "",
        fence=row.fence,
        detail=row.detail,
    )
