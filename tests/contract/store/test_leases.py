"""What a batch of writes makes of jobs, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from farm.errors import StaleEpochError, StoreError
from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.job import Job, JobState, RunState
from farm.scheduling.commands import Finish, Requeue
from farm.store import queries
from farm.store.audit import AuditKind
from farm.store.invariants import violations
from farm.store.store import Epoch, Store
from farm.store.writes import FinishWrite, Write, WriteResult
from tests.contract.store.things import (
    BACK,
    board_writes,
    claim,
    expire,
    make_job,
    make_jobs,
    make_record,
    make_run,
    make_summary,
    settle,
)

ACCEPTED, STALE, DUPLICATE = WriteResult.ACCEPTED, WriteResult.STALE, WriteResult.DUPLICATE
CANCELLED = Finish(Outcome.CANCELLED, error="ada said so")


@pytest.fixture
def jobs(store: Store, epoch: Epoch) -> list[Job]:
    jobs = make_jobs(4)
    store.create_run(epoch, make_run(), jobs)
    store.apply(epoch, board_writes("pi-4", "pi-5"))
    return jobs


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test did, the database is sound afterwards."""
    store = request.getfixturevalue("store") if "store" in request.fixturenames else None
    yield
    if store is not None:
        assert violations(store) == []


def kinds(store: Store, job: Job) -> list[AuditKind]:
    return [entry.kind for entry in queries.audit_of_job(store, job.job_id)]


def test_a_job_is_claimed_and_passes(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    job = jobs[0]
    assert store.apply(epoch, [claim(job)]) == [ACCEPTED]
    leased = queries.find_job(store, job.job_id)
    assert (leased.state, leased.fence, leased.board_id, leased.attempts) == (JobState.LEASED, 1, "pi-4", 0)
    assert store.apply(epoch, [settle(job, summary=make_summary())]) == [ACCEPTED]
    done = queries.find_job(store, job.job_id)
    assert (done.state, done.outcome, done.fence, done.attempts) == (JobState.FINISHED, Outcome.PASSED, 1, 1)
    assert kinds(store, job) == [AuditKind.QUEUED, AuditKind.CLAIMED, AuditKind.FINISHED]
    assert [entry.job_id for entry in queries.results_of_run(store, "run-1")] == [job.job_id]


def test_of_two_claims_of_one_fence_the_first_holds(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    assert store.apply(epoch, [claim(jobs[0]), claim(jobs[0], board_id="pi-5")]) == [ACCEPTED, STALE]
    assert queries.find_job(store, jobs[0].job_id).board_id == "pi-4"


def test_a_claim_whose_answer_was_lost_may_be_sent_again(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    batch: list[Write] = [claim(jobs[0]), settle(jobs[0]), claim(jobs[1])]
    assert store.apply(epoch, batch) == [ACCEPTED, ACCEPTED, ACCEPTED]
    assert store.apply(epoch, batch) == [STALE, DUPLICATE, DUPLICATE]
    assert len(queries.attempts_of_job(store, jobs[1].job_id)) == 1


@pytest.mark.parametrize("fence", [0, 2, 3])
def test_a_claim_must_take_the_next_fence(store: Store, epoch: Epoch, jobs: list[Job], fence: int) -> None:
    assert store.apply(epoch, [claim(jobs[0], fence)]) == [STALE]
    assert kinds(store, jobs[0]) == [AuditKind.QUEUED]


def test_threads_that_claim_the_same_jobs_share_them_without_overlap(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(2)]
    epoch = stores[0].hold("main", host="bench-1")
    jobs = make_jobs(60)
    stores[0].create_run(epoch, make_run(), jobs)
    stores[0].apply(epoch, board_writes("pi-4", "pi-5"))

    def take_all(store: Store, board_id: str) -> set[str]:
        taken = set()
        for start in range(0, len(jobs), 3):
            some = jobs[start : start + 3]
            answers = store.apply(epoch, [claim(job, board_id=board_id) for job in some])
            taken |= {job.job_id for job, answer in zip(some, answers, strict=True) if answer is ACCEPTED}
        return taken

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(take_all, stores, ["pi-4", "pi-5"])
    assert first & second == set()
    assert first | second == {job.job_id for job in jobs}
    assert {job.job_id for job in stores[0].load_unfinished() if job.board_id == "pi-4"} == first
    assert violations(stores[0]) == []


def test_two_shards_that_finish_a_run_together_close_it(open_store: Callable[[], Store]) -> None:
    stores = {shard: open_store() for shard in ("east", "west")}
    epochs = {shard: store.hold(shard, host="bench-1") for shard, store in stores.items()}
    east, west = stores.values()
    jobs = [job for number in range(20) for job in make_jobs(2, f"run-{number}")]
    for number in range(20):
        east.create_run(epochs["east"], make_run(f"run-{number}"), jobs[2 * number : 2 * number + 2])
    east.apply(epochs["east"], [*board_writes("pi-4"), *(claim(job) for job in jobs)])

    def finish(shard: str, mine: list[Job]) -> None:
        for job in mine:
            assert stores[shard].apply(epochs[shard], [settle(job)]) == [ACCEPTED]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(finish, stores, [jobs[::2], jobs[1::2]]))
    assert {run.state for run in queries.list_runs(west)} == {RunState.FINISHED}
    assert violations(west) == []


def test_a_record_that_comes_twice_is_recorded_once(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(jobs[0])])
    assert store.apply(epoch, [settle(jobs[0]), settle(jobs[0])]) == [ACCEPTED, DUPLICATE]
    other = replace(make_record(jobs[0]), log_tail="another story")
    assert store.apply(epoch, [replace(settle(jobs[0]), record=other)]) == [DUPLICATE]
    assert queries.record_of_attempt(store, jobs[0].job_id, 1).log_tail == "ok\n"


def test_a_record_of_an_older_lease_is_stale(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(jobs[0]), expire(jobs[0]), claim(jobs[0], 2, "pi-5")])
    assert store.apply(epoch, [settle(jobs[0], 1)]) == [STALE]
    assert store.apply(epoch, [settle(jobs[0], 2, "pi-5"), settle(jobs[0], 1)]) == [ACCEPTED, STALE]
    (result,) = queries.results_of_run(store, "run-1")
    assert (result.fence, result.board_id) == (2, "pi-5")


def test_a_record_of_a_requeued_attempt_is_a_duplicate_later(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(jobs[0]), settle(jobs[0], disposition=BACK), claim(jobs[0], 2, "pi-5")])
    assert store.apply(epoch, [settle(jobs[0], 1, disposition=BACK)]) == [DUPLICATE]
    assert store.apply(epoch, [settle(jobs[0], 2, "pi-5"), settle(jobs[0], 1)]) == [ACCEPTED, DUPLICATE]


def test_a_lease_is_one_boards(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(jobs[0], board_id="pi-4")])
    assert store.apply(epoch, [settle(jobs[0], board_id="pi-5"), expire(jobs[0], board_id="pi-5")]) == [STALE, STALE]
    assert queries.find_job(store, jobs[0].job_id).state is JobState.LEASED


def test_a_requeued_job_keeps_its_fence_and_what_went_wrong(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    not_its_fault = Requeue(ErrorKind.INFRASTRUCTURE, "drained")
    store.apply(epoch, [claim(jobs[0]), settle(jobs[0], disposition=BACK)])
    store.apply(epoch, [claim(jobs[0], 2, "pi-5"), expire(jobs[0], 2, "pi-5", not_its_fault)])
    store.apply(epoch, [claim(jobs[0], 3), expire(jobs[0], 3)])
    job = queries.find_job(store, jobs[0].job_id)
    assert (job.state, job.fence, job.attempts, job.board_id) == (JobState.QUEUED, 3, 3, "")
    assert job.failed_boards == ("pi-4",)
    assert job.error == "the link broke"
    first, second, third = queries.attempts_of_job(store, job.job_id)
    assert (first.outcome, first.has_record) == (Outcome.PASSED, True)
    assert (second.outcome, second.has_record, second.error) == (Outcome.LOST, False, "drained")
    assert (third.error_kind, third.attempt) == (ErrorKind.BOARD, 3)


def test_an_attempt_that_is_given_back_does_not_count(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    given_back = Requeue(ErrorKind.AGENT, "the agent was stopped", counts=False)
    store.apply(epoch, [claim(jobs[0]), settle(jobs[0], disposition=given_back)])
    store.apply(epoch, [claim(jobs[0], 2), expire(jobs[0], 2, disposition=given_back)])
    store.apply(epoch, [claim(jobs[0], 3), settle(jobs[0], 3)])
    job = queries.find_job(store, jobs[0].job_id)
    assert (job.state, job.fence, job.attempts, job.failed_boards) == (JobState.FINISHED, 3, 1, ())
    claimed = AuditKind.CLAIMED
    back = [claimed, AuditKind.GIVEN_BACK]
    assert kinds(store, jobs[0]) == [AuditKind.QUEUED, *back, *back, claimed, AuditKind.FINISHED]


def test_an_attempt_that_was_given_back_counts_for_nothing(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    given_back = Requeue(ErrorKind.AGENT, "asked to stop", counts=False)
    store.apply(epoch, [claim(jobs[0]), settle(jobs[0], disposition=given_back)])
    store.apply(epoch, [claim(jobs[0], 2), expire(jobs[0], 2, disposition=given_back)])
    job = queries.find_job(store, jobs[0].job_id)
    assert (job.state, job.fence, job.attempts) == (JobState.QUEUED, 2, 0)
    assert kinds(store, job)[-1] is AuditKind.GIVEN_BACK


def test_a_lost_lease_may_be_the_end(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    lost = Finish(Outcome.LOST, ErrorKind.BOARD, "the board went away three times")
    assert store.apply(epoch, [claim(jobs[0]), expire(jobs[0], disposition=lost)]) == [ACCEPTED, ACCEPTED]
    job = queries.find_job(store, jobs[0].job_id)
    assert (job.state, job.outcome, job.error) == (JobState.FINISHED, Outcome.LOST, lost.error)
    assert queries.audit_of_job(store, job.job_id)[-1].detail == f"lease lost; lost; board: {lost.error}"
    assert store.apply(epoch, [settle(jobs[0]), expire(jobs[0])]) == [STALE, STALE]


def test_only_a_passed_job_has_a_result(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    wrong = Finish(Outcome.FAILED, ErrorKind.JOB, "3 of 848 classes differ")
    store.apply(epoch, [claim(job) for job in jobs])
    store.apply(epoch, [settle(jobs[0], disposition=wrong, summary=make_summary()), settle(jobs[1], disposition=BACK)])
    store.apply(epoch, [settle(jobs[2], summary=make_summary()), settle(jobs[3])])
    results = queries.results_of_run(store, "run-1")
    assert [result.job_id for result in results] == [jobs[2].job_id, jobs[3].job_id]
    assert [result.summary for result in results] == [make_summary(), None]


def test_a_queued_job_is_cancelled_a_leased_one_is_not(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(jobs[1])])
    cancels = [FinishWrite(job.job_id, CANCELLED, actor="ada") for job in jobs[:2]]
    assert store.apply(epoch, [*cancels, cancels[0]]) == [ACCEPTED, STALE, STALE]
    last = queries.audit_of_job(store, jobs[0].job_id)[-1]
    assert (last.kind, last.actor, last.fence) == (AuditKind.FINISHED, "ada", None)
    assert queries.find_job(store, jobs[1].job_id).state is JobState.LEASED


def test_the_last_job_closes_its_run(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(job) for job in jobs])
    store.apply(epoch, [settle(job) for job in jobs[:3]])
    assert queries.find_run(store, "run-1").state is RunState.OPEN
    store.apply(epoch, [settle(jobs[3])])
    run = queries.find_run(store, "run-1")
    assert (run.state, run.finished_unix_s) == (RunState.FINISHED, 2_000.0)


def test_a_run_with_a_cancelled_job_ends_cancelled(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [*(claim(job) for job in jobs[:2]), *(FinishWrite(job.job_id, CANCELLED) for job in jobs[2:])])
    store.apply(epoch, [settle(job) for job in jobs[:2]])
    assert queries.find_run(store, "run-1").state is RunState.CANCELLED


def test_unknown_jobs_are_stale_and_disturb_nobody(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    ghost = make_job("run-2", 1, ("pi-4",))
    nul = replace(make_record(ghost), lease=Lease("a\0b", 1))
    batch: list[Write] = [
        claim(ghost),
        settle(ghost),
        expire(ghost),
        FinishWrite(ghost.job_id, CANCELLED),
        replace(settle(ghost), record=nul),
        claim(jobs[0]),
    ]
    assert store.apply(epoch, batch) == [STALE] * 5 + [ACCEPTED]


def test_a_claim_for_a_board_that_was_never_stored_is_refused_whole(
    store: Store, epoch: Epoch, jobs: list[Job]
) -> None:
    with pytest.raises(StoreError, match="refused"):
        store.apply(epoch, [claim(jobs[0]), claim(jobs[1], board_id="nobody")])
    assert kinds(store, jobs[0]) == [AuditKind.QUEUED]


def test_a_stale_epoch_writes_nothing(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [claim(jobs[0])])
    newer = store.hold("main", host="bench-1", takeover=True)
    with pytest.raises(StaleEpochError):
        store.apply(epoch, [settle(jobs[0]), claim(jobs[1])])
    assert kinds(store, jobs[0]) == [AuditKind.QUEUED, AuditKind.CLAIMED]
    assert store.apply(newer, [settle(jobs[0]), claim(jobs[1])]) == [ACCEPTED, ACCEPTED]


def test_an_empty_batch_asks_nothing_of_the_database(store: Store, epoch: Epoch) -> None:
    store.hold("main", host="bench-1", takeover=True)
    assert store.apply(epoch, []) == []
