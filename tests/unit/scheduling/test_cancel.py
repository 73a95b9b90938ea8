"""A cancel is never forgotten, wherever it meets the job."""

from __future__ import annotations

import pytest

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.scheduling.commands import Ack, Claim, Expire, Finish, FinishQueued, SendCancel, Settle
from tests.unit.scheduling.scene import Scene, make_job

FIRST = Lease("j1", 1)
CANCELLED = Finish(Outcome.CANCELLED, None, "not wanted")


def test_a_queued_job_is_finished_at_once(scene: Scene) -> None:
    scene.submit(make_job("j1"), make_job("j2"))
    assert scene.cancel("j1") == [FinishQueued(scene.event, "j1", CANCELLED)]
    assert scene.serve("b1") == [Claim(scene.event, Lease("j2", 1), "b1", 1)]


def test_a_running_job_is_stopped_and_finished_by_its_record(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    assert scene.cancel("j1") == [SendCancel(scene.event, "b1", lease, "not wanted")]
    assert scene.record(lease, "b1", Outcome.CANCELLED) == [Settle(scene.event, lease, "b1", CANCELLED)]


def test_a_job_being_claimed_is_given_back_and_the_credit_kept(scene: Scene) -> None:
    scene.submit(make_job("j1", estimate_s=2.0), make_job("j2", estimate_s=1.0))
    scene.serve("b1")
    assert scene.cancel("j1") == []
    assert scene.claimed(FIRST) == [
        Expire(scene.event, FIRST, "b1", CANCELLED),
        Claim(scene.event, Lease("j2", 1), "b1", 1),
    ]


def test_a_job_whose_record_is_being_stored_is_not_queued_again(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.record(lease, "b1", Outcome.ERROR, ErrorKind.AGENT, "died")
    assert scene.cancel("j1") == []
    assert scene.settled(lease) == [
        Ack(scene.event, "b1", lease, recorded=True),
        FinishQueued(scene.event, "j1", CANCELLED),
    ]


def test_a_lease_that_runs_out_after_a_cancel_ends_the_job(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.detach("b1")
    assert scene.cancel("j1") == []
    assert scene.after(31.0) == [Expire(scene.event, lease, "b1", CANCELLED)]


def test_a_board_that_was_away_is_told_when_it_attaches(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.detach("b1")
    scene.cancel("j1")
    assert scene.attach("b1", running=[lease]) == [SendCancel(scene.event, "b1", lease, "not wanted")]


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_an_error_after_a_cancel_is_not_tried_again(scene: Scene, kind: ErrorKind) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    lease = scene.run("b1")
    scene.cancel("j1")
    [settle] = scene.record(lease, "b1", Outcome.ERROR, kind, "stopped in the middle")
    assert settle.disposition == Finish(Outcome.CANCELLED, kind, "not wanted")


def test_an_answer_that_overtakes_the_cancel_is_kept(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.cancel("j1")
    [settle] = scene.record(lease, "b1", Outcome.PASSED)
    assert settle.disposition == Finish(Outcome.PASSED)


def test_a_job_can_be_cancelled_twice(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.cancel("j1")
    assert scene.cancel("j1") == [SendCancel(scene.event, "b1", lease, "not wanted")]
