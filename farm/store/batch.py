"""One transaction of the coordinator: many writes, a handful of statements.

The jobs and boards that the writes name are read (and locked) at once, each write is judged in Python in turn
(`farm.store.leases`), and what came of them is written table by table. So fifty settlements and fifty claims cost the
same ten statements as one of each, and a write that is stale costs nothing and disturbs no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection

from farm.errors import StoreError
from farm.model.attempt import Outcome
from farm.model.job import JobState
from farm.scheduling.commands import Finish
from farm.store.audit import AuditKind, AuditRow, AuditTrail
from farm.store.boards import BoardRows
from farm.store.leases import JobWrite, Standing, decide, job_id_of
from farm.store.records import RecordRows, summary_columns
from farm.store.sanitise import compact, compact_map, is_storable, plain
from farm.store.statements import (
    CLOSE_ATTEMPT,
    CLOSE_RUNS,
    EXPIRE_ATTEMPT,
    INSERT_AUDIT,
    INSERT_CONTEXT,
    INSERT_LAUNCH,
    INSERT_RESULT,
    INSERT_SAMPLES,
    INSERT_TELEMETRY,
    LOCK_RUNS,
    MOVE_JOB,
    OPEN_ATTEMPT,
    SETTLED,
    STANDING,
    execute_many,
)
from farm.store.values import Columns
from farm.store.writes import ClaimWrite, ExpireWrite, FinishWrite, SettleWrite, Write, WriteResult

__all__ = ["Batch", "finish_runs"]

_JOB_WRITES = (ClaimWrite, SettleWrite, ExpireWrite, FinishWrite)


class Batch:
    """Carries the writes of one transaction out; made anew for each."""

    def __init__(self, connection: Connection, trail: AuditTrail) -> None:
        self._connection = connection
        self._trail = trail
        self._jobs: dict[str, Standing] = {}
        self._changed: dict[str, Standing] = {}
        self._finished_runs: set[str] = set()
        self._claims: list[Columns] = []
        self._records = RecordRows()
        self._expired: list[Columns] = []
        self._results: list[Columns] = []
        self._audit: list[AuditRow] = []

    def apply(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Judge and carry out all of them; one answer for each, in order."""
        about_jobs = [write for write in writes if isinstance(write, _JOB_WRITES)]
        about_boards = [write for write in writes if not isinstance(write, _JOB_WRITES)]
        if about_jobs:
            self._jobs = _load(self._connection, about_jobs)
        boards = BoardRows.load(self._connection, about_boards, self._trail) if about_boards else None
        results = []
        for write in writes:
            if isinstance(write, _JOB_WRITES):
                results.append(self._apply(write))
            else:
                assert boards is not None
                results.append(boards.apply(write))
        if boards is not None:
            # First: a claim may name a board that this very transaction brings.
            boards.flush(self._connection)
            self._audit.extend(boards.audit)
        self._flush()
        return results

    def _apply(self, write: JobWrite) -> WriteResult:
        job = self._jobs.get(job_id_of(write))
        answer = decide(job, write)
        if answer is not WriteResult.ACCEPTED or job is None:
            return answer
        self._changed[job.job_id] = job
        if isinstance(write, ClaimWrite):
            self._note_claim(job, write)
            return answer
        if isinstance(write, SettleWrite):
            self._note_record(job, write)
        elif isinstance(write, ExpireWrite):
            self._note_expiry(job, write)
        self._note_end(job, write)
        return answer

    def _note_claim(self, job: Standing, write: ClaimWrite) -> None:
        self._claims.append(
            {
                "job_no": job.job_no,
                "fence": write.lease.fence,
                "attempt": write.attempt,
                "board_id": write.board_id,
                "epoch": self._trail.epoch,
                "claimed_unix_s": self._trail.at_unix_s,
            }
        )
        self._audit.append(
            self._trail.row(
                AuditKind.CLAIMED,
                run_id=job.run_id,
                job_no=job.job_no,
                board_id=write.board_id,
                fence=write.lease.fence,
                detail=f"attempt {write.attempt}",
            )
        )

    def _note_record(self, job: Standing, write: SettleWrite) -> None:
        record = write.record
        context_digest = self._records.add(job.job_no, record, ended_unix_s=self._trail.at_unix_s)
        if not isinstance(write.disposition, Finish) or write.disposition.outcome is not Outcome.PASSED:
            return
        self._results.append(
            {
                "b_job_no": job.job_no,
                "b_board_id": record.board_id,
                "fence": record.lease.fence,
                "recorded_unix_s": self._trail.at_unix_s,
                "duration_s": self._records.attempts[-1]["duration_s"],
                "environment": plain(record.environment),
                "isolation": plain(record.isolation),
                "runtime_versions_json": compact_map(record.launches[0].runtime_facts) if record.launches else "{}",
                "context_digest": context_digest,
                **summary_columns(write.summary),
            }
        )

    def _note_expiry(self, job: Standing, write: ExpireWrite) -> None:
        self._expired.append(
            {
                "b_job_no": job.job_no,
                "b_fence": write.lease.fence,
                "ended_unix_s": self._trail.at_unix_s,
                "ended_by": "expiry",
                "outcome": Outcome.LOST.value,
                "error_kind": job.error_kind,
                "error": plain(job.error),
            }
        )

    def _note_end(self, job: Standing, write: SettleWrite | ExpireWrite | FinishWrite) -> None:
        finished = job.state is JobState.FINISHED
        if finished:
            self._finished_runs.add(job.run_id)
            what = job.outcome.value if job.outcome else ""
        else:
            what = "back to the queue"
        because = ": ".join(part for part in (job.error_kind, job.error) if part)
        if isinstance(write, FinishWrite):
            how, board_id, fence, actor = "", None, None, write.actor
        elif isinstance(write, SettleWrite):
            how, board_id, fence, actor = "recorded", write.record.board_id, job.fence, ""
        else:
            how, board_id, fence, actor = "lease lost", write.board_id, job.fence, ""
        self._audit.append(
            self._trail.row(
                _kind_of_end(write),
                run_id=job.run_id,
                job_no=job.job_no,
                board_id=board_id,
                fence=fence,
                detail="; ".join(part for part in (how, what, because) if part),
                actor=actor,
            )
        )

    def _flush(self) -> None:
        records = self._records
        self._insert(OPEN_ATTEMPT, self._claims)
        self._update(CLOSE_ATTEMPT, records.attempts)
        self._update(EXPIRE_ATTEMPT, self._expired)
        self._update(MOVE_JOB, [self._columns(job) for job in self._changed.values()])
        self._insert(INSERT_RESULT, self._results)
        self._insert(INSERT_LAUNCH, records.launches)
        self._insert(INSERT_SAMPLES, records.samples)
        self._insert(INSERT_TELEMETRY, records.telemetry)
        self._insert(INSERT_CONTEXT, records.contexts)
        if self._finished_runs:
            self._audit.extend(finish_runs(self._connection, self._trail, self._finished_runs))
        self._insert(INSERT_AUDIT, self._audit)

    def _columns(self, job: Standing) -> Columns:
        return {
            "b_job_no": job.job_no,
            "state": job.state.value,
            "outcome": job.outcome.value if job.outcome else None,
            "fence": job.fence,
            "attempts": job.attempts,
            "board_id": job.board_id,
            "changed_unix_s": self._trail.at_unix_s,
            "error_kind": job.error_kind,
            "error": plain(job.error),
            "failed_boards_json": compact(job.failed_boards),
        }

    def _insert(self, statement: ClauseElement, rows: Sequence[Any]) -> None:
        if rows:
            execute_many(self._connection, statement, rows)

    def _update(self, statement: ClauseElement, rows: Sequence[Columns]) -> None:
        if rows and (written := execute_many(self._connection, statement, rows)) != len(rows):
            raise StoreError(
                f"{len(rows) - written} of {len(rows)} rows had nothing to be written to: an attempt is gone from the "
                "database.",
                hint="Nothing of this transaction was written. Has somebody edited the database by hand?",
            )


def _kind_of_end(write: SettleWrite | ExpireWrite | FinishWrite) -> AuditKind:
    if isinstance(write, FinishWrite) or isinstance(write.disposition, Finish):
        return AuditKind.FINISHED
    return AuditKind.REQUEUED if write.disposition.counts else AuditKind.GIVEN_BACK


def _load(connection: Connection, writes: Sequence[JobWrite]) -> dict[str, Standing]:
    """Read, and on PostgreSQL lock, the jobs that the writes name, in one order so that two gateways never deadlock."""
    job_ids = sorted({job_id for job_id in map(job_id_of, writes) if is_storable(job_id)})
    jobs = {row[1]: _standing(row) for row in connection.execute(STANDING, {"job_ids": job_ids})}
    late = sorted(
        {
            write.record.lease.job_id
            for write in writes
            if isinstance(write, SettleWrite)
            and (job := jobs.get(write.record.lease.job_id))
            and (job.state is not JobState.LEASED or job.fence != write.record.lease.fence)
        }
    )
    if late:
        # Only then does it matter which fences were settled: to tell a repeated record from a stale one.
        for job_id, fence in connection.execute(SETTLED, {"job_ids": late}):
            jobs[job_id].settled |= {fence}
    return jobs


def _standing(row: Any) -> Standing:
    job_no, job_id, run_id, state, outcome, fence, attempts, board_id, error_kind, error, failed_boards_json = row
    return Standing(
        job_no=job_no,
        job_id=job_id,
        run_id=run_id,
        state=JobState(state),
        fence=fence,
        attempts=attempts,
        board_id=board_id,
        failed_boards=tuple(json.loads(failed_boards_json)) if failed_boards_json != "[]" else (),
        outcome=Outcome(outcome) if outcome else None,
        error_kind=error_kind,
        error=error,
    )


def finish_runs(connection: Connection, trail: AuditTrail, run_ids: Iterable[str]) -> list[AuditRow]:
    """Close those of the open runs that have no unfinished job left; answers the audit rows of it.

    A run with a cancelled job ends `cancelled`, else `finished`.
    """
    wanted = {"run_ids": sorted(run_ids)}
    # Two gateways may finish the last two jobs of a run at once: the second has to see the first one's.
    connection.execute(LOCK_RUNS, wanted)
    closed = connection.execute(CLOSE_RUNS, {**wanted, "now": trail.at_unix_s})
    return [trail.row(AuditKind.RUN_FINISHED, run_id=row.run_id, detail=row.state) for row in closed]
