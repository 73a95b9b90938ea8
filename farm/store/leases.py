"""The rules of a lease, without a database: may this write happen, and what does it make of the job?

    queued, fence n ──claim n+1──> leased, fence n+1 ──settle or expire n+1──> finished, or queued with fence n+1
       └──finish──> finished

`decide` is asked for each write of a batch in turn, with the job as the writes before it left it; so several writes
for one job in one transaction mean what they would have meant one after another. A write whose condition does not
hold changes nothing.

A fence counts claims and never falls, so a record that arrives late carries an old fence and is `STALE`; one that
arrives twice is `DUPLICATE`, which whoever sent it may take for a yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from farm.model.attempt import Outcome
from farm.model.job import JobState
from farm.scheduling.commands import Disposition, Finish, Requeue
from farm.store.writes import ClaimWrite, ExpireWrite, FinishWrite, SettleWrite, WriteResult

__all__ = ["JobWrite", "Standing", "decide", "job_id_of"]

JobWrite = Union[ClaimWrite, SettleWrite, ExpireWrite, FinishWrite]


@dataclass
class Standing:
    """Where a job stands while a batch is worked through; the only mutable value here, private to its transaction.

    `settled` are the fences of this job that a record closed, as far as the batch has to know them.
    """

    job_no: int
    job_id: str
    run_id: str
    state: JobState
    fence: int
    attempts: int
    board_id: str
    failed_boards: tuple[str, ...]
    outcome: Outcome | None
    error_kind: str | None
    error: str
    settled: frozenset[int] = frozenset()


def job_id_of(write: JobWrite) -> str:
    """The job that a write is about."""
    if isinstance(write, FinishWrite):
        return write.job_id
    if isinstance(write, SettleWrite):
        return write.record.lease.job_id
    return write.lease.job_id


def decide(job: Standing | None, write: JobWrite) -> WriteResult:
    """Judge the write and, where it is accepted, move `job` on. An unknown job (None) makes every write stale."""
    if job is None:
        return WriteResult.STALE
    if isinstance(write, ClaimWrite):
        return _claim(job, write)
    if isinstance(write, SettleWrite):
        return _settle(job, write)
    if isinstance(write, ExpireWrite):
        return _expire(job, write)
    if job.state is not JobState.QUEUED:
        return WriteResult.STALE
    _dispose(job, write.finish, "")
    return WriteResult.ACCEPTED


def _claim(job: Standing, write: ClaimWrite) -> WriteResult:
    if job.state is not JobState.QUEUED or job.fence != write.lease.fence - 1:
        return WriteResult.DUPLICATE if _holds(job, write.lease.fence, write.board_id) else WriteResult.STALE
    job.state = JobState.LEASED
    job.fence = write.lease.fence
    job.board_id = write.board_id
    return WriteResult.ACCEPTED


def _settle(job: Standing, write: SettleWrite) -> WriteResult:
    record = write.record
    if not _holds(job, record.lease.fence, record.board_id):
        return WriteResult.DUPLICATE if record.lease.fence in job.settled else WriteResult.STALE
    job.settled |= {record.lease.fence}
    _dispose(job, write.disposition, record.board_id)
    return WriteResult.ACCEPTED


def _expire(job: Standing, write: ExpireWrite) -> WriteResult:
    if not _holds(job, write.lease.fence, write.board_id):
        return WriteResult.STALE
    _dispose(job, write.disposition, write.board_id)
    return WriteResult.ACCEPTED


def _holds(job: Standing, fence: int, board_id: str) -> bool:
    """Whether the newest lease is this one. A lease is one board's: another board's record under it is not believed."""
    return job.state is JobState.LEASED and job.fence == fence and job.board_id == board_id


def _dispose(job: Standing, disposition: Disposition, board_id: str) -> None:
    was_leased = job.state is JobState.LEASED
    job.attempts += was_leased and (isinstance(disposition, Finish) or disposition.counts)
    job.error = disposition.error
    job.error_kind = disposition.error_kind.value if disposition.error_kind else None
    if isinstance(disposition, Requeue):
        job.state = JobState.QUEUED
        job.board_id = ""
        if disposition.blames_board and board_id not in job.failed_boards:
            job.failed_boards += (board_id,)
    else:
        job.state = JobState.FINISHED
        job.outcome = disposition.outcome
