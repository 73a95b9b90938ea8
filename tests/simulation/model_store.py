"""The store's conditional writes on a dictionary: what `farm.store` promises, in as few lines as it can be said.

It is written from the promises, not from the code, so that the same harness over both compares them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from farm.errors import StaleEpochError
from farm.model.attempt import Lease, Outcome
from farm.model.job import Job, JobState
from farm.scheduling.commands import Disposition, Requeue
from farm.store.writes import ClaimWrite, ExpireWrite, FinishWrite, SettleWrite, Write, WriteResult


@dataclass
class Row:
    job: Job
    state: JobState = JobState.QUEUED
    fence: int = 0
    attempts: int = 0
    board_id: str = ""
    failed_boards: tuple[str, ...] = ()
    outcome: Outcome | None = None
    settled: dict[int, int] = field(default_factory=dict)
    """Fence to the execution whose record settled it."""
    results: list[tuple[int, int]] = field(default_factory=list)
    """(fence, execution) of each accepted passed record."""


class ModelStore:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.epoch = 0
        self.audit: Counter[str] = Counter()

    def close(self) -> None:
        """Nothing is held."""

    def hold(self) -> int:
        self.epoch += 1
        return self.epoch

    def create(self, jobs: Sequence[Job]) -> None:
        self.rows.update({job.job_id: Row(job) for job in jobs})

    def load_unfinished(self) -> list[Job]:
        return [
            replace(
                row.job,
                state=row.state,
                fence=row.fence,
                attempts=row.attempts,
                board_id=row.board_id,
                failed_boards=row.failed_boards,
            )
            for row in self.rows.values()
            if row.state is not JobState.FINISHED
        ]

    def apply(self, epoch: int, writes: Sequence[Write]) -> list[WriteResult]:
        if epoch != self.epoch:
            raise StaleEpochError("a newer coordinator took over")
        return [self._apply(write) for write in writes]

    def _apply(self, write: Write) -> WriteResult:
        if isinstance(write, ClaimWrite):
            row = self.rows[write.lease.job_id]
            if row.state is not JobState.QUEUED or row.fence != write.lease.fence - 1:
                return WriteResult.STALE
            row.state, row.fence, row.board_id = JobState.LEASED, write.lease.fence, write.board_id
        elif isinstance(write, SettleWrite):
            lease, row = write.record.lease, self.rows[write.record.lease.job_id]
            if not self.holds(row, lease, write.record.board_id):
                return WriteResult.DUPLICATE if lease.fence in row.settled else WriteResult.STALE
            execution = int(write.record.log_tail)
            row.settled[lease.fence] = execution
            if write.record.outcome is Outcome.PASSED:
                row.results.append((lease.fence, execution))
            self._dispose(row, write.disposition)
        elif isinstance(write, ExpireWrite):
            row = self.rows[write.lease.job_id]
            if not self.holds(row, write.lease, write.board_id):
                return WriteResult.STALE
            self._dispose(row, write.disposition)
        elif isinstance(write, FinishWrite):
            row = self.rows[write.job_id]
            if row.state is not JobState.QUEUED:
                return WriteResult.STALE
            row.state, row.outcome = JobState.FINISHED, write.finish.outcome
        else:
            return WriteResult.ACCEPTED
        self.audit[row.job.job_id] += 1
        return WriteResult.ACCEPTED

    def holds(self, row: Row, lease: Lease, board_id: str) -> bool:
        """Whether this is the newest lease of the job, and alive."""
        return row.state is JobState.LEASED and (row.fence, row.board_id) == (lease.fence, board_id)

    def _dispose(self, row: Row, disposition: Disposition) -> None:
        row.attempts += not (isinstance(disposition, Requeue) and not disposition.counts)
        if isinstance(disposition, Requeue):
            row.state = JobState.QUEUED
            if disposition.blames_board and row.board_id not in row.failed_boards:
                row.failed_boards += (row.board_id,)
        else:
            row.state, row.outcome = JobState.FINISHED, disposition.outcome

    # For the checks.

    def standing(self) -> dict[str, Row]:
        return self.rows

    def transitions(self) -> Counter[str]:
        """Audit rows about each job since it was created."""
        return self.audit

    def has_settled(self, lease: Lease) -> bool:
        return lease.fence in self.rows[lease.job_id].settled
