"""Random batches of writes against a tiny model of what they mean.

The invariants are those of any farm: **I1** a job ends once, **I2** one result per job and of the fence it ended under,
**I4** an accepted result never changes, **I7** as many audit rows as transitions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from farm.errors import StaleEpochError
from farm.model.attempt import ErrorKind, Outcome
from farm.model.job import Job, JobState, RunState
from farm.scheduling.commands import Disposition, Finish, Requeue
from farm.store import queries
from farm.store.invariants import violations
from farm.store.store import Store
from farm.store.writes import ClaimWrite, ExpireWrite, FinishWrite, SettleWrite, Write, WriteResult
from tests.contract.store.things import board_writes, claim, expire, make_jobs, make_run, settle

BOARDS = ("pi-4", "pi-5")
DISPOSITIONS: tuple[Disposition, ...] = (
    Finish(Outcome.PASSED),
    Finish(Outcome.FAILED, ErrorKind.JOB, "wrong output"),
    Requeue(ErrorKind.BOARD, "link broke", blames_board=True),
    Requeue(ErrorKind.INFRASTRUCTURE, "the disk was full"),
    Requeue(ErrorKind.AGENT, "asked to stop", counts=False),
)
JOBS = 3


@dataclass
class Fate:
    """What the model knows of a job."""

    state: str = "queued"
    fence: int = 0
    board_id: str = ""
    attempts: int = 0
    failed: tuple[str, ...] = ()
    outcome: Outcome | None = None
    recorded: set[int] = field(default_factory=set)
    transitions: int = 1

    def judge(self, write: Write) -> WriteResult:
        if isinstance(write, ClaimWrite):
            if (self.state, self.fence, self.board_id) == ("leased", write.lease.fence, write.board_id):
                return WriteResult.DUPLICATE
            if self.state != "queued" or write.lease.fence != self.fence + 1:
                return WriteResult.STALE
            self.state, self.fence, self.board_id = "leased", write.lease.fence, write.board_id
        elif isinstance(write, FinishWrite):
            if self.state != "queued":
                return WriteResult.STALE
            self.state, self.outcome = "finished", write.finish.outcome
        else:
            assert isinstance(write, (SettleWrite, ExpireWrite))
            lease, board_id = (
                (write.lease, write.board_id)
                if isinstance(write, ExpireWrite)
                else (
                    write.record.lease,
                    write.record.board_id,
                )
            )
            if (self.state, self.fence, self.board_id) != ("leased", lease.fence, board_id):
                known = isinstance(write, SettleWrite) and lease.fence in self.recorded
                return WriteResult.DUPLICATE if known else WriteResult.STALE
            if isinstance(write, SettleWrite):
                self.recorded.add(lease.fence)
            self.end(write.disposition)
        self.transitions += 1
        return WriteResult.ACCEPTED

    def end(self, disposition: Disposition) -> None:
        if isinstance(disposition, Finish):
            self.attempts += 1
            self.state, self.outcome = "finished", disposition.outcome
            return
        self.attempts += disposition.counts
        if disposition.blames_board and self.board_id not in self.failed:
            self.failed += (self.board_id,)
        self.state, self.board_id = "queued", ""


_runs = itertools.count(1)
which = st.integers(0, JOBS - 1)
# Around the newest fence, where it matters, and now and then far from it.
off = st.sampled_from([0, 0, 0, 0, -1, 1, 7])
board = st.sampled_from(BOARDS)


class StoreAgainstModel(RuleBasedStateMachine):
    """One run of three jobs in a store that other examples have used before."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.epoch = store.hold("main", host="bench-1")
        self.run_id = f"model-{next(_runs)}"
        self.jobs: list[Job] = make_jobs(JOBS, self.run_id)
        self.fates = [Fate() for _ in self.jobs]
        self.batch: list[tuple[int, Write]] = []
        self.first_results: dict[str, queries.ResultEntry] = {}

    @initialize()
    def submit(self) -> None:
        assert self.store.create_run(self.epoch, make_run(self.run_id), self.jobs)
        self.store.apply(self.epoch, board_writes(*BOARDS))

    @rule(which=which, off=off, board_id=board)
    def claim(self, which: int, off: int, board_id: str) -> None:
        self.batch.append((which, claim(self.jobs[which], self._fence(which) + 1 + off, board_id)))

    @rule(which=which, off=off, board_id=board, disposition=st.sampled_from(DISPOSITIONS))
    def settle(self, which: int, off: int, board_id: str, disposition: Disposition) -> None:
        job = self.jobs[which]
        self.batch.append((which, settle(job, self._fence(which) + off, board_id, disposition)))

    @rule(which=which, off=off, board_id=board, disposition=st.sampled_from(DISPOSITIONS[1:]))
    def expire(self, which: int, off: int, board_id: str, disposition: Disposition) -> None:
        job = self.jobs[which]
        self.batch.append((which, expire(job, self._fence(which) + off, board_id, disposition)))

    @rule(which=which)
    def cancel(self, which: int) -> None:
        self.batch.append((which, FinishWrite(self.jobs[which].job_id, Finish(Outcome.CANCELLED))))

    @rule()
    def commit(self) -> None:
        answers = self.store.apply(self.epoch, [write for _, write in self.batch])
        assert answers == [self.fates[which].judge(write) for which, write in self.batch]
        self.batch = []

    @rule()
    def restart(self) -> None:
        """A newer coordinator took over: what was under way is refused whole, and sent again under the new epoch."""
        stale, self.epoch = self.epoch, self.store.hold("main", host="bench-1", takeover=True)
        if self.batch:
            with pytest.raises(StaleEpochError):
                self.store.apply(stale, [write for _, write in self.batch])

    @invariant()
    def jobs_stand_where_the_model_says(self) -> None:
        stored = queries.jobs_of_run(self.store, self.run_id)
        for job, fate in zip(stored, self.fates, strict=False):
            told = (job.state.value, job.fence, job.board_id, job.attempts, job.failed_boards, job.outcome)
            assert told == (fate.state, fate.fence, fate.board_id, fate.attempts, fate.failed, fate.outcome)
            assert len(queries.audit_of_job(self.store, job.job_id)) == fate.transitions
        if stored:
            over = all(fate.state == JobState.FINISHED.value for fate in self.fates)
            assert (queries.find_run(self.store, self.run_id).state is not RunState.OPEN) == over

    @invariant()
    def results_are_those_of_passed_jobs_and_never_change(self) -> None:
        results = {entry.job_id: entry for entry in queries.results_of_run(self.store, self.run_id)}
        passed = {
            job.job_id: fate.fence
            for job, fate in zip(self.jobs, self.fates, strict=True)
            if fate.outcome is Outcome.PASSED
        }
        assert {job_id: entry.fence for job_id, entry in results.items()} == passed
        assert self.first_results.items() <= results.items()
        self.first_results = results

    def teardown(self) -> None:
        assert violations(self.store) == []

    def _fence(self, which: int) -> int:
        """The fence that the job will have when the batch so far is committed, as far as one can guess."""
        claims = sum(1 for other, write in self.batch if other == which and isinstance(write, ClaimWrite))
        return self.fates[which].fence + claims


def test_random_batches_mean_what_the_model_says(store: Store) -> None:
    class Machine(StoreAgainstModel):
        def __init__(self) -> None:
            super().__init__(store)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
