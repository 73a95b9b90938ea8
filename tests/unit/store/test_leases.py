"""The rules of a lease as a pure function: the write and the job go in, the answer and the moved job come out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.model.attempt import AttemptRecord, ErrorKind, Lease, Outcome
from farm.model.job import JobState
from farm.scheduling.commands import Disposition, Finish, Requeue
from farm.store.leases import JobWrite, Standing, decide, job_id_of
from farm.store.writes import ClaimWrite, ExpireWrite, FinishWrite, SettleWrite, WriteResult

QUEUED = Standing(
    job_no=1,
    job_id="j",
    run_id="r",
    state=JobState.QUEUED,
    fence=4,
    attempts=1,
    board_id="",
    failed_boards=("a",),
    outcome=None,
    error_kind=None,
    error="",
)
LEASED = replace(QUEUED, state=JobState.LEASED, fence=5, board_id="b")
PASSED = Finish(Outcome.PASSED)
BLAMED = Requeue(ErrorKind.BOARD, "overheated", blames_board=True)


def settle(fence: int, board_id: str = "b", disposition: Disposition = PASSED) -> SettleWrite:
    return SettleWrite(AttemptRecord(Lease("j", fence), board_id, 1, Outcome.PASSED), disposition)


def outcome_of(standing: Standing, write: JobWrite) -> tuple[WriteResult, Standing]:
    job = replace(standing)
    return decide(job, write), job


def test_a_claim_takes_the_next_fence() -> None:
    answer, job = outcome_of(QUEUED, ClaimWrite(Lease("j", 5), "b", 2))
    assert (answer, job) == (WriteResult.ACCEPTED, LEASED)


@pytest.mark.parametrize(
    ("standing", "write", "answer"),
    [
        (QUEUED, ClaimWrite(Lease("j", 4), "b", 2), WriteResult.STALE),
        (QUEUED, ClaimWrite(Lease("j", 6), "b", 2), WriteResult.STALE),
        (LEASED, ClaimWrite(Lease("j", 6), "b", 2), WriteResult.STALE),
        (LEASED, ClaimWrite(Lease("j", 5), "c", 2), WriteResult.STALE),
        (LEASED, ClaimWrite(Lease("j", 5), "b", 2), WriteResult.DUPLICATE),
        (QUEUED, settle(4), WriteResult.STALE),
        (replace(QUEUED, settled=frozenset({4})), settle(4), WriteResult.DUPLICATE),
        (LEASED, settle(4), WriteResult.STALE),
        (LEASED, settle(6), WriteResult.STALE),
        (LEASED, settle(5, "c"), WriteResult.STALE),
        (LEASED, ExpireWrite(Lease("j", 4), "b", BLAMED), WriteResult.STALE),
        (QUEUED, ExpireWrite(Lease("j", 4), "b", BLAMED), WriteResult.STALE),
        (LEASED, FinishWrite("j", PASSED), WriteResult.STALE),
    ],
)
def test_what_does_not_hold_changes_nothing(standing: Standing, write: JobWrite, answer: WriteResult) -> None:
    assert outcome_of(standing, write) == (answer, standing)


def test_a_record_ends_the_lease_and_is_remembered() -> None:
    answer, job = outcome_of(LEASED, settle(5))
    assert answer is WriteResult.ACCEPTED
    assert (job.state, job.outcome, job.attempts, job.board_id) == (JobState.FINISHED, Outcome.PASSED, 2, "b")
    assert decide(job, settle(5)) is WriteResult.DUPLICATE


@pytest.mark.parametrize("write", [settle(5, disposition=BLAMED), ExpireWrite(Lease("j", 5), "b", BLAMED)])
def test_a_requeued_job_keeps_its_fence_and_avoids_the_board(write: JobWrite) -> None:
    _, job = outcome_of(LEASED, write)
    assert (job.state, job.fence, job.attempts, job.board_id) == (JobState.QUEUED, 5, 2, "")
    assert job.failed_boards == ("a", "b")
    assert (job.error_kind, job.error) == ("board", "overheated")


def test_a_board_is_blamed_once() -> None:
    _, job = outcome_of(replace(LEASED, failed_boards=("b",)), settle(5, disposition=BLAMED))
    assert job.failed_boards == ("b",)


def test_a_queued_job_may_be_ended_without_an_attempt() -> None:
    answer, job = outcome_of(QUEUED, FinishWrite("j", Finish(Outcome.CANCELLED, error="ada said so")))
    assert answer is WriteResult.ACCEPTED
    assert (job.state, job.outcome, job.attempts) == (JobState.FINISHED, Outcome.CANCELLED, 1)


def test_an_unknown_job_makes_everything_stale() -> None:
    assert decide(None, settle(1)) is WriteResult.STALE


def test_every_write_knows_its_job() -> None:
    writes: list[JobWrite] = [
        ClaimWrite(Lease("j", 1), "b", 1),
        settle(1),
        ExpireWrite(Lease("j", 1), "b", BLAMED),
        FinishWrite("j", PASSED),
    ]
    assert [job_id_of(write) for write in writes] == ["j"] * 4
