"""Whose fault it was decides whether a job is tried again, where, and what becomes of it and its board in the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import BoardHealth, BoardIntent
from farm.scheduling.blame import Case, judge_lost, judge_record
from farm.scheduling.commands import Ack, Claim, Finish, Requeue, SetHealth
from farm.scheduling.core import Policy
from tests.unit.scheduling.scene import Commands, Scene, make_job

BOARD, AGENT, JOB = ErrorKind.BOARD, ErrorKind.AGENT, ErrorKind.JOB


def once(**fields: object) -> Case:
    return Case(**{"board_id": "b1", "attempts": 1, "max_attempts": 3, "tried_boards": ("b1",), **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "kind", "becomes"),
    [
        (Outcome.PASSED, None, Finish(Outcome.PASSED)),
        (Outcome.FAILED, None, Finish(Outcome.FAILED, JOB, "why")),
        (Outcome.UNSUPPORTED, JOB, Finish(Outcome.UNSUPPORTED, JOB, "why")),
        (Outcome.CANCELLED, None, Finish(Outcome.CANCELLED, None, "why")),
        (Outcome.CANCELLED, JOB, Finish(Outcome.CANCELLED, JOB, "why")),
        (Outcome.CANCELLED, AGENT, Requeue(AGENT, "why", counts=False)),
        (Outcome.CANCELLED, BOARD, Requeue(BOARD, "why", blames_board=True)),
        (Outcome.LOST, None, Requeue(AGENT, "why")),
        (Outcome.ERROR, JOB, Finish(Outcome.FAILED, JOB, "why")),
        (Outcome.ERROR, None, Requeue(AGENT, "why")),
        (Outcome.ERROR, AGENT, Requeue(AGENT, "why")),
        (Outcome.ERROR, ErrorKind.FARM, Requeue(ErrorKind.FARM, "why")),
        (Outcome.ERROR, BOARD, Requeue(BOARD, "why", blames_board=True)),
        (Outcome.ERROR, ErrorKind.INFRASTRUCTURE, Requeue(ErrorKind.INFRASTRUCTURE, "why", blames_board=True)),
    ],
)
def test_a_first_attempt(outcome: Outcome, kind: ErrorKind | None, becomes: Finish | Requeue) -> None:
    assert judge_record(once(), outcome, kind, "why") == becomes


def test_attempts_are_used_up_on_the_only_board() -> None:
    case = once(attempts=3)
    assert judge_record(case, Outcome.ERROR, BOARD, "why") == Finish(Outcome.ERROR, BOARD, "after 3 attempts: why")
    assert judge_lost(case, AGENT, "why") == Finish(Outcome.LOST, AGENT, "after 3 attempts: why")


def test_the_last_attempt_goes_to_another_board_where_there_is_one() -> None:
    assert judge_lost(once(attempts=2, another_board=True), AGENT, "why") == Requeue(AGENT, "why", blames_board=True)
    assert judge_lost(once(attempts=3, another_board=True), AGENT, "why") == Requeue(AGENT, "why", blames_board=True)
    assert isinstance(judge_lost(once(attempts=3, tried_boards=("b1", "b2"), another_board=True), AGENT, "why"), Finish)


def test_there_is_an_end_even_when_no_second_board_ever_takes_it() -> None:
    assert isinstance(judge_lost(once(attempts=6, another_board=True), AGENT, "why"), Finish)


def test_a_job_that_fails_on_two_boards_is_to_blame() -> None:
    finish = judge_record(once(board_id="b2", attempts=2, failed_boards=("b1",)), Outcome.ERROR, BOARD, "no clock")
    assert finish == Finish(
        Outcome.FAILED, JOB, "it failed on two boards (b1, b2), so the job is to blame; the last time with: no clock"
    )


# In the core.


def test_a_job_keeps_away_from_the_board_that_failed_it(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    scene.attach("b2")
    lease = scene.run("b1")
    scene.end(lease, "b1", Outcome.ERROR, BOARD, "no clock")
    assert scene.ready("b1") == []
    assert scene.ready("b2") == [Claim(scene.event, Lease("j1", 2), "b2", 2)]


def test_it_goes_back_there_when_no_other_board_is_left(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    scene.attach("b2")
    scene.end(scene.run("b1"), "b1", Outcome.ERROR, BOARD, "no clock")
    scene.ready("b1")
    assert scene.detach("b2") == [Claim(scene.event, Lease("j1", 2), "b1", 2)]


def test_a_board_that_comes_back_draws_the_job_to_itself_again(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    scene.end(scene.run("b1"), "b1", Outcome.ERROR, BOARD, "no clock")
    scene.attach("b2")
    assert scene.ready("b1") == []
    assert scene.ready("b2") == [Claim(scene.event, Lease("j1", 2), "b2", 2)]


def test_a_requeued_job_is_offered_to_a_board_that_idles(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    lease = scene.run("b1")
    scene.serve("b2")
    assert scene.end(lease, "b1", Outcome.ERROR, AGENT, "died")[1:] == [
        Ack(scene.event, "b1", lease, recorded=True),
        Claim(scene.event, Lease("j1", 2), "b2", 2),
    ]


def test_a_job_can_be_interrupted_any_number_of_times(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1"))
    scene.attach("b1")
    for fence in range(1, 10):
        lease = scene.run("b1")
        assert lease == Lease("j1", fence)
        settle, *_ = scene.record(lease, "b1", Outcome.CANCELLED, AGENT, "the agent was stopped")
        assert settle.disposition == Requeue(AGENT, "the agent was stopped", counts=False)
        scene.settled(lease)
    [claim] = scene.ready("b1")
    assert claim.attempt == 1
    scene.claimed(claim.lease)
    assert scene.end(claim.lease, "b1", Outcome.PASSED)[-1].recorded


def test_an_interrupted_attempt_is_no_try_of_that_board(scene: Scene) -> None:
    """Two faults on the second board do not end a job that the first one never really tried."""
    scene.submit(make_job("j1", "b1 b2"))
    scene.attach("b1")
    scene.attach("b2")
    scene.end(scene.run("b1"), "b1", Outcome.CANCELLED, AGENT, "the agent was stopped")
    for _ in range(2):
        scene.end(scene.run("b2"), "b2", Outcome.ERROR, AGENT, "died")
    assert scene.ready("b2") == []  # kept for the other board: its last chance
    [claim] = scene.ready("b1")
    assert (claim.board_id, claim.attempt) == ("b1", 3)


def test_a_cancel_on_its_way_when_the_agent_was_stopped_holds(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    scene.cancel("j1")
    settle, *_ = scene.record(lease, "b1", Outcome.CANCELLED, AGENT, "the agent was stopped")
    assert settle.disposition == Finish(Outcome.CANCELLED, AGENT, "not wanted")


# Health.


def fail(scene: Scene, job_id: str, board_id: str = "b1", kind: ErrorKind = BOARD) -> Commands:
    scene.submit(make_job(job_id, board_id))
    return scene.end(scene.run(board_id), board_id, Outcome.ERROR, kind, "no clock")


def pass_(scene: Scene, job_id: str, board_id: str = "b1") -> Commands:
    scene.submit(make_job(job_id, board_id))
    return scene.end(scene.run(board_id), board_id, Outcome.PASSED)


def healths(commands: Commands) -> list[BoardHealth]:
    return [command.health for command in commands if isinstance(command, SetHealth)]


def test_three_faults_in_a_row_quarantine_a_board_before_it_gets_another_job(scene: Scene) -> None:
    scene.attach("b1")
    commands = fail(scene, "j1")
    # The job comes back to its only board; this makes three faults.
    for fence in (2, 3):
        scene.ready("b1")
        scene.claimed(Lease("j1", fence))
        commands += scene.record(Lease("j1", fence), "b1", Outcome.ERROR, BOARD, "no clock")
        scene.settled(Lease("j1", fence))
    assert healths(commands) == [BoardHealth.QUARANTINED]
    scene.submit(make_job("j2"))
    assert scene.ready("b1") == []
    assert "b1 is quarantined" in scene.core.why("j2")


@pytest.fixture
def bench() -> Scene:
    """A board whose jobs get no second try, so that each turn is one end."""
    faulty = Scene(replace(Policy(), max_attempts=1))
    faulty.attach("b1")
    return faulty


def test_most_of_the_last_jobs_quarantine_a_board_too(bench: Scene) -> None:
    commands: Commands = []
    for turn, end in enumerate((fail, pass_, fail, fail, pass_)):
        commands += end(bench, f"j{turn}")
    assert healths(commands) == []
    [health] = [command for command in fail(bench, "j5") if isinstance(command, SetHealth)]
    assert health.health is BoardHealth.QUARANTINED
    assert health.evidence.startswith("56% (weighted) of its last 6 jobs ended with a fault of the board")


def test_faults_of_agents_and_jobs_do_not_count_against_a_board(bench: Scene) -> None:
    commands = [command for turn in range(9) for command in fail(bench, f"j{turn}", kind=(AGENT, JOB)[turn % 2])]
    assert healths(commands) == []


def test_a_passed_job_ends_a_row_of_faults(bench: Scene) -> None:
    commands = fail(bench, "j1") + fail(bench, "j2") + pass_(bench, "j3") + fail(bench, "j4")
    assert healths(commands) == []


def test_an_operator_ends_a_quarantine_and_the_next_job_proves_the_board(bench: Scene) -> None:
    for job_id in ("j1", "j2", "j3"):
        fail(bench, job_id)
    assert healths(bench.intent("b1", BoardIntent.ENABLED)) == [BoardHealth.UNKNOWN]
    assert healths(pass_(bench, "j4")) == [BoardHealth.GOOD]
    assert healths(fail(bench, "j5") + fail(bench, "j6")) == []


def test_one_fault_on_probation_is_enough(bench: Scene) -> None:
    for job_id in ("j1", "j2", "j3"):
        fail(bench, job_id)
    bench.intent("b1", BoardIntent.ENABLED)
    assert healths(fail(bench, "j4")) == [BoardHealth.QUARANTINED]


def test_a_quarantine_that_the_store_remembers_holds_until_the_operators_word(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1", health=BoardHealth.QUARANTINED)
    assert scene.ready("b1") == []
    commands = scene.intent("b1", BoardIntent.ENABLED)
    assert [type(command) for command in commands] == [SetHealth, Claim]


def test_the_operators_word_before_the_board_attached_holds(scene: Scene) -> None:
    scene.submit(make_job())
    scene.intent("b1", BoardIntent.ENABLED)
    assert healths(scene.attach("b1", health=BoardHealth.QUARANTINED)) == [BoardHealth.UNKNOWN]
    assert len(scene.ready("b1")) == 1


def test_a_bad_job_costs_no_board_its_health(scene: Scene) -> None:
    scene.attach("b1")
    scene.attach("b2")
    commands: Commands = []
    for job_id in ("j1", "j2", "j3", "j4"):
        scene.submit(make_job(job_id, "b1 b2"))
        commands += scene.end(scene.run("b1"), "b1", Outcome.ERROR, BOARD, "no clock")
        commands += scene.end(scene.run("b2"), "b2", Outcome.ERROR, BOARD, "no clock")
    assert healths(commands) == []
    assert (scene.core.queued, scene.core.leased) == (0, 0)


# Intent.


@pytest.mark.parametrize("intent", [BoardIntent.DRAINING, BoardIntent.DISABLED])
def test_a_board_that_is_not_wanted_gets_no_job_and_keeps_its_credit(scene: Scene, intent: BoardIntent) -> None:
    scene.serve("b1")
    scene.intent("b1", intent)
    assert scene.submit(make_job()) == []
    assert scene.intent("b1", BoardIntent.ENABLED) == [Claim(scene.event, Lease("j1", 1), "b1", 1)]


def test_what_runs_on_a_draining_board_is_finished(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    lease = scene.run("b1")
    assert scene.intent("b1", BoardIntent.DRAINING) == []
    assert scene.end(lease, "b1", Outcome.PASSED)[-1].recorded


def test_a_claim_that_is_on_its_way_when_the_board_is_disabled_is_given_back(scene: Scene) -> None:
    scene.submit(make_job("j1", "b1 b2"))
    scene.serve("b1")
    scene.serve("b2")
    scene.intent("b1", BoardIntent.DISABLED)
    expire, again = scene.claimed(Lease("j1", 1))
    assert isinstance(expire.disposition, Requeue)
    assert not expire.disposition.counts
    assert again == Claim(scene.event, Lease("j1", 2), "b2", 1)


def test_intent_is_what_the_store_says_at_each_attachment(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1", intent=BoardIntent.DISABLED)
    assert scene.ready("b1") == []
    assert scene.core.board_view("b1").intent is BoardIntent.DISABLED
