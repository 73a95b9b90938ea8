"""The picture of the present: what a watcher is told, how long it says the rest will take, and what it forgets."""

from __future__ import annotations

import pytest

from farm.coordinator.live import LiveFarm
from farm.errors import UnknownRunError
from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import Board, BoardState
from farm.model.job import Config, Job, JobSpec, JobState
from farm.scheduling.commands import Finish, Requeue


def job(name: str, *, run: str = "run", boards: tuple[str, ...] = ("a", "b"), estimate_s: float = 10.0) -> Job:
    return Job(JobSpec(name, run, None, Config("command")), boards, estimate_s=estimate_s)


def farm_with(*jobs: Job, boards: str = "ab") -> LiveFarm:
    farm = LiveFarm()
    farm.add(jobs, whole=True)
    for board_id in boards:
        farm.attached(Board(board_id, "linux", board_id), None)
    return farm


PASSED = Finish(Outcome.PASSED)


def test_a_watcher_is_told_the_present_not_the_past() -> None:
    farm = farm_with(job("j"))
    with farm.watch("run") as watcher:
        assert watcher.take().snapshot
        farm.claimed(Lease("j", 1), "a", 1)
        farm.progress(Lease("j", 1), fraction=0.3, note="warm")
        farm.finished("j", PASSED, lease=Lease("j", 1), board_id="a")
        update = watcher.take()
    [change] = update.changes
    assert (change.state, change.outcome) == (JobState.FINISHED, Outcome.PASSED)
    assert update.finished
    assert not update.snapshot


def test_a_watcher_of_one_run_is_not_woken_by_another() -> None:
    farm = farm_with(job("j"), job("other", run="other run"))
    with farm.watch("run") as watcher:
        watcher.take()
        farm.finished("other", PASSED, lease=None, board_id="")
        assert not watcher.changed.is_set()


def test_words_of_an_older_lease_are_not_listened_to() -> None:
    farm = farm_with(job("j"))
    farm.claimed(Lease("j", 2), "a", 2)
    farm.progress(Lease("j", 1), fraction=0.9, note="zombie")
    assert farm.run_jobs("run")["j"].fraction == 0.0


def test_a_board_is_busy_while_it_has_a_lease() -> None:
    farm = farm_with(job("j"))
    farm.claimed(Lease("j", 1), "a", 1)
    assert farm.boards["a"].as_status().state is BoardState.BUSY
    farm.requeued(Lease("j", 1), "a", Requeue(ErrorKind.BOARD, "hot"))
    assert farm.boards["a"].as_status().state is BoardState.IDLE
    assert (farm.queued, farm.leased) == (1, 0)


def test_the_rest_is_spread_over_the_boards_that_may_do_it() -> None:
    # 40 s for either board, 10 s more for `a` alone.
    farm = farm_with(*(job(str(number)) for number in range(4)), job("pinned", boards=("a",)))
    assert farm.remaining_s("run") == pytest.approx(30.0)
    farm.claimed(Lease("pinned", 1), "a", 1)
    farm.progress(Lease("pinned", 1), fraction=0.5, note="")
    assert farm.remaining_s("run") == pytest.approx(25.0)


def test_jobs_that_take_twice_their_estimate_double_the_rest() -> None:
    farm = farm_with(job("one"), job("two"), boards="a")
    farm.claimed(Lease("one", 1), "a", 1)
    farm.finished("one", PASSED, lease=Lease("one", 1), board_id="a", took_s=20.0)
    assert farm.remaining_s("run") == pytest.approx(20.0)


def test_nobody_can_say_how_long_without_boards() -> None:
    assert farm_with(job("j"), boards="").remaining_s("run") == 0.0


def test_old_finished_runs_are_forgotten_and_open_ones_are_not() -> None:
    farm = farm_with(job("open", run="open"))
    for number in range(100):
        farm.add([job(f"j{number}", run=f"run{number}")], whole=True)
        farm.finished(f"j{number}", PASSED, lease=None, board_id="")
    farm.add([job("last", run="last")], whole=True)
    assert farm.has_run("open")
    assert farm.has_run("run99")
    assert not farm.has_run("run0")
    with pytest.raises(UnknownRunError):
        farm.run_jobs("run0")
    assert farm.job("j0") is None


def test_a_run_that_was_half_done_before_is_completed_in_its_own_order() -> None:
    from dataclasses import replace

    done = replace(job("first"), state=JobState.FINISHED, outcome=Outcome.PASSED)
    farm = LiveFarm()
    farm.add([job("second")], whole=False)
    farm.claimed(Lease("second", 1), "a", 1)
    assert not farm.is_whole("run")
    # The store's answer is a moment old: `second` was still queued.
    farm.complete("run", [done, job("second")])
    assert list(farm.run_jobs("run")) == ["first", "second"]
    assert farm.run_jobs("run")["second"].state is JobState.LEASED
    assert (farm.queued, farm.leased) == (0, 1)
