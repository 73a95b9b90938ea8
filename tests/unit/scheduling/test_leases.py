"""A job's way through the core, and what happens to leases: three events and one comparison."""

from __future__ import annotations

from dataclasses import replace

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.model.job import JobState
from farm.scheduling.commands import (
    Ack,
    Claim,
    Expire,
    Finish,
    FinishQueued,
    Requeue,
    SendAssign,
    SendCancel,
    Settle,
)
from farm.scheduling.events import BoardChanged
from tests.unit.scheduling.scene import Scene, make_job

FIRST = Lease("j1", 1)


def test_a_credit_and_a_job_make_a_claim(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    assert scene.ready("b1") == [Claim(scene.event, FIRST, "b1", 1)]


def test_a_job_that_comes_while_a_board_idles_is_claimed_at_once(scene: Scene) -> None:
    scene.serve("b1")
    assert scene.submit(make_job()) == [Claim(scene.event, FIRST, "b1", 1)]


def test_one_credit_is_one_job(scene: Scene) -> None:
    scene.submit(make_job("j1"), make_job("j2"))
    assert len(scene.serve("b1")) == 1
    assert scene.claimed(FIRST) == [SendAssign(scene.event, "b1", FIRST, 1)]
    assert (scene.core.queued, scene.core.leased) == (1, 1)


def test_nothing_is_assigned_before_the_claim_is_committed(scene: Scene) -> None:
    scene.submit(make_job())
    commands = scene.serve("b1") + scene.after(1.0) + scene.beat("b1")
    assert [type(command) for command in commands] == [Claim]


def test_a_claim_that_the_store_refuses_is_forgotten_and_the_credit_kept(scene: Scene) -> None:
    scene.submit(make_job("j1", estimate_s=2.0), make_job("j2", estimate_s=1.0))
    scene.serve("b1")
    assert scene.claimed(FIRST, accepted=False) == [Claim(scene.event, Lease("j2", 1), "b1", 1)]
    assert "not known" in scene.core.why("j1")


def test_a_forgotten_job_comes_back_when_the_store_says_so(scene: Scene) -> None:
    scene.submit(make_job())
    scene.serve("b1")
    scene.claimed(FIRST, accepted=False)
    assert scene.submit(make_job(fence=3)) == [Claim(scene.event, Lease("j1", 4), "b1", 1)]


def test_a_record_is_acked_only_when_it_is_committed(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    assert scene.record(lease, "b1") == [Settle(scene.event, lease, "b1", Finish(Outcome.PASSED))]
    assert scene.settled(lease) == [Ack(scene.event, "b1", lease, recorded=True)]
    assert (scene.core.queued, scene.core.leased) == (0, 0)


def test_the_same_record_twice_while_it_is_stored_is_answered_once(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.record(lease, "b1")
    assert scene.record(lease, "b1") == []
    assert scene.settled(lease) == [Ack(scene.event, "b1", lease, recorded=True)]
    assert scene.settled(lease) == []


def test_the_same_record_after_its_ack_is_the_stores_to_judge(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.end(lease, "b1", Outcome.PASSED)
    assert scene.record(lease, "b1") == [Settle(scene.event, lease, "b1", Finish(Outcome.PASSED))]
    assert scene.settled(lease, accepted=False, duplicate=True) == [
        Ack(scene.event, "b1", lease, recorded=False, duplicate=True)
    ]


def test_a_transaction_that_was_repeated_counts_as_the_first(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.record(lease, "b1", Outcome.ERROR, ErrorKind.AGENT, "died")
    scene.settled(lease, accepted=False, duplicate=True)
    assert (scene.core.queued, scene.core.leased) == (1, 0)


def test_the_next_credit_is_used_while_the_record_is_still_being_stored(scene: Scene) -> None:
    scene.submit(make_job("j1", estimate_s=2.0), make_job("j2", estimate_s=1.0))
    scene.attach("b1")
    lease = scene.run("b1")
    scene.record(lease, "b1")
    assert scene.ready("b1") == [Claim(scene.event, Lease("j2", 1), "b1", 1)]


# Running out.


def test_a_lease_runs_out_and_its_job_is_queued_again_with_the_next_fence(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    lease = scene.run("b1")
    scene.detach("b1")
    scene.serve("b2")
    assert scene.after(29.0) == []
    expire, claim = scene.after(1.0)
    assert expire == Expire(
        scene.event, lease, "b1", Requeue(ErrorKind.INFRASTRUCTURE, "board b1 was not heard of for 30 s")
    )
    assert claim == Claim(scene.event, Lease("j1", 2), "b2", 2)


def test_a_heartbeat_renews_exactly_the_leases_it_lists(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1"), make_job("j2", "b2"))
    scene.attach("b1")
    scene.attach("b2")
    kept, lost = scene.run("b1"), scene.run("b2")
    scene.after(20.0)
    scene.beat("b1", kept)
    scene.beat("b2")
    cancel, expire = scene.after(15.0)
    assert cancel == SendCancel(scene.event, "b2", lost, "the lease of this attempt has passed to another")
    assert expire.lease == lost
    assert "did not say for 30 s that it works on it" in expire.disposition.error


def test_a_late_record_of_a_lease_that_ran_out_is_the_stores_to_refuse(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    late = scene.run("b1")
    scene.detach("b1")
    scene.serve("b2")
    scene.after(31.0)
    scene.claimed(Lease("j1", 2))
    scene.attach("b1", spooled=[late])
    assert scene.record(late, "b1") == [Settle(scene.event, late, "b1", Finish(Outcome.PASSED))]
    assert scene.settled(late, accepted=False) == [Ack(scene.event, "b1", late, recorded=False)]
    assert scene.core.board_view("b2").lease == Lease("j1", 2)


def test_a_lease_cannot_run_out_while_its_record_is_being_stored(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.record(lease, "b1")
    assert scene.after(1000.0) == []
    assert scene.settled(lease) == [Ack(scene.event, "b1", lease, recorded=True)]


def test_a_lively_agent_cannot_renew_beyond_the_jobs_own_limit(scene: Scene) -> None:
    scene.submit(make_job(limit_s=60.0))
    scene.attach("b1")
    lease = scene.run("b1")
    commands = []
    for _ in range(60):
        scene.beat("b1", lease)
        commands += scene.after(5.0)
    assert [type(command) for command in commands] == [SendCancel, Expire]
    assert "beyond its limit of 60 s" in commands[1].disposition.error


def test_a_heartbeat_with_a_lease_that_has_passed_on_is_told_to_stop(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    scene.attach("b2")
    old = scene.run("b1")
    scene.ready("b2")
    scene.after(31.0)
    assert scene.beat("b1", old) == [
        SendCancel(scene.event, "b1", old, "the lease of this attempt has passed to another")
    ]


def test_lost_three_times_is_lost(scene: Scene) -> None:
    scene.submit(make_job())
    ends = []
    for _ in range(3):
        scene.attach("b1")
        scene.run("b1")
        ends += scene.attach("b1")
    assert [type(end.disposition) for end in ends] == [Requeue, Requeue, Finish]
    assert ends[2].disposition.outcome is Outcome.LOST
    assert ends[2].disposition.error_kind is ErrorKind.AGENT
    assert scene.core.leased == scene.core.queued == 0


def test_an_announced_reboot_has_its_own_deadline(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.reboot(lease, "b1")
    scene.detach("b1")
    assert scene.core.board_view("b1").state is BoardState.REBOOTING
    assert scene.after(179.0) == []
    [expire] = scene.after(2.0)
    assert "did not come back from a reboot within 180 s" in expire.disposition.error


def test_a_board_back_from_its_reboot_goes_on_with_its_lease(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.reboot(lease, "b1")
    scene.detach("b1")
    scene.after(75.0)
    assert scene.attach("b1", running=[lease]) == []
    assert scene.core.board_view("b1").state is BoardState.BUSY
    assert len(scene.after(31.0)) == 2


# Boards that come and go.


def test_leases_outlive_the_stream(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    assert scene.detach("b1") == []
    assert scene.attach("b1", running=[lease]) == []
    assert scene.after(25.0) == []
    scene.end(lease, "b1", Outcome.PASSED)
    assert scene.core.leased == 0


def test_what_an_agent_comes_back_without_is_queued_again_at_once(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    [expire] = scene.attach("b1")
    assert (expire.lease, type(expire.disposition), expire.disposition.error_kind) == (lease, Requeue, ErrorKind.AGENT)
    assert scene.ready("b1") == [Claim(scene.event, Lease("j1", 2), "b1", 2)]


def test_what_an_agent_has_in_its_spool_is_waited_for(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.after(20.0)
    assert scene.attach("b1", spooled=[lease]) == []
    assert scene.after(25.0) == []
    assert scene.record(lease, "b1") == [Settle(scene.event, lease, "b1", Finish(Outcome.PASSED))]


def test_an_agent_that_runs_what_it_no_longer_holds_is_told_to_stop(scene: Scene) -> None:
    scene.submit(make_job())
    old = Lease("j1", 7)
    assert scene.attach("b1", running=[old]) == [
        SendCancel(scene.event, "b1", old, "the lease of this attempt has passed to another")
    ]


def test_another_boards_lease_in_the_list_of_a_shared_agent_is_left_alone(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    assert scene.attach("b2", running=[lease]) == []
    assert scene.beat("b2", lease) == []


def test_a_board_that_left_before_it_was_told_costs_no_waiting(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    [claim] = scene.serve("b2")
    scene.serve("b1")
    scene.detach("b2")
    expire, again = scene.claimed(claim.lease)
    assert expire.disposition == Requeue(
        ErrorKind.INFRASTRUCTURE, "the board was gone before it was told of the job", counts=False
    )
    assert again == Claim(scene.event, Lease("j1", 2), "b1", 1)


def test_a_claim_for_an_earlier_stream_is_not_sent_to_the_new_one(scene: Scene) -> None:
    scene.submit(make_job())
    scene.serve("b1")
    scene.attach("b1")
    commands = scene.claimed(FIRST)
    assert [type(command) for command in commands] == [Expire]
    assert scene.ready("b1") == [Claim(scene.event, Lease("j1", 2), "b1", 1)]


def test_a_credit_ends_with_its_stream(scene: Scene) -> None:
    scene.serve("b1")
    scene.attach("b1")
    assert scene.submit(make_job()) == []


def test_a_board_that_says_something_new_of_itself_keeps_its_credit_and_its_leases(scene: Scene) -> None:
    scene.serve("b1")
    renamed = Board("b1", "linux", "shelf two")
    assert scene.tell(BoardChanged(scene.now, renamed)) == []
    [claim] = scene.submit(make_job())
    assert scene.tell(BoardChanged(scene.now, renamed)) == []
    assert scene.claimed(claim.lease) == [SendAssign(scene.event, "b1", FIRST, 1)]


def test_a_credit_of_a_board_that_is_not_attached_is_ignored(scene: Scene) -> None:
    scene.submit(make_job())
    assert scene.ready("b1") == []
    scene.serve("b2")
    scene.detach("b1")
    assert scene.ready("b1") == []


# A new core on an old store.


def test_a_fresh_core_holds_every_lease_in_full(scene: Scene) -> None:
    held = replace(make_job(), state=JobState.LEASED, fence=4, board_id="b1")
    assert scene.submit(held) == []
    assert scene.after(29.0) == []
    [expire] = scene.after(2.0)
    assert (expire.lease, expire.board_id) == (Lease("j1", 4), "b1")


def test_a_fresh_core_takes_the_record_of_a_lease_that_it_never_gave(scene: Scene) -> None:
    held = replace(make_job(), state=JobState.LEASED, fence=4, board_id="b1", attempts=1)
    scene.submit(held)
    scene.attach("b1", spooled=[Lease("j1", 4)])
    scene.end(Lease("j1", 4), "b1", Outcome.PASSED)
    assert scene.core.leased == 0


def test_attempts_are_counted_on_across_cores(scene: Scene) -> None:
    scene.submit(replace(make_job(), state=JobState.LEASED, fence=4, board_id="b1", attempts=2))
    [expire] = scene.attach("b1")
    assert expire.disposition.outcome is Outcome.LOST


def test_a_known_or_finished_job_is_not_entered_again(scene: Scene) -> None:
    scene.submit(make_job())
    scene.submit(make_job(), replace(make_job("j2"), state=JobState.FINISHED))
    assert scene.core.queued == 1


def test_a_job_that_no_board_may_run_is_unsupported(scene: Scene) -> None:
    assert scene.submit(make_job("j1", "")) == [
        FinishQueued(scene.event, "j1", Finish(Outcome.UNSUPPORTED, ErrorKind.JOB, "no board may run it"))
    ]


# Events that make no sense.


def test_answers_to_what_was_never_asked_are_ignored(scene: Scene) -> None:
    scene.submit(make_job())
    scene.serve("b1")
    assert scene.claimed(Lease("j9", 1)) == []
    assert scene.claimed(Lease("j1", 5)) == []
    assert scene.settled(FIRST) == []
    scene.claimed(FIRST)
    assert scene.claimed(FIRST) == []
    assert scene.reboot(Lease("j1", 9), "b1") == []


def test_unknown_boards_and_jobs_are_ignored(scene: Scene) -> None:
    assert scene.detach("b9") == []
    assert scene.beat("b9", FIRST) == []
    assert scene.intent("b9", BoardIntent.DISABLED) == []
    assert scene.cancel("j9") == []


def test_a_record_from_a_board_that_does_not_hold_the_lease_settles_nothing(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    scene.attach("b2")
    lease = scene.run("b1")
    scene.record(lease, "b2")
    scene.settled(lease, accepted=False)
    assert scene.core.board_view("b1").lease == lease
    assert scene.record(lease, "b1") == [Settle(scene.event, lease, "b1", Finish(Outcome.PASSED))]


def test_a_record_of_a_lease_that_nobody_was_given_yet_settles_nothing(scene: Scene) -> None:
    """As from a board that served another database, where the same job had the same fence."""
    scene.submit(make_job())
    scene.serve("b1")
    assert scene.record(FIRST, "b1") == [Ack(scene.event, "b1", FIRST, recorded=False)]
    assert scene.claimed(FIRST) == [SendAssign(scene.event, "b1", FIRST, 1)]


def test_a_board_that_never_attached_is_offline(scene: Scene) -> None:
    view = scene.core.board_view("b9")
    assert (view.state, view.health, view.intent) == (BoardState.OFFLINE, BoardHealth.UNKNOWN, BoardIntent.ENABLED)
