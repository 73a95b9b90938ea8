"""What the core says to people."""

from __future__ import annotations

import pytest

from farm.model.attempt import Outcome
from farm.model.board import BoardIntent, BoardState
from tests.unit.scheduling.scene import Scene, make_job


def test_a_job_says_what_each_of_its_boards_is_doing(scene: Scene) -> None:
    scene.submit(make_job("j0", "b1", estimate_s=5.0), make_job("j1", "b1 b2 b3 b4", estimate_s=1.0))
    scene.attach("b1")
    scene.run("b1")
    scene.attach("b2", intent=BoardIntent.DRAINING)
    scene.attach("b4")
    assert scene.core.why("j1") == (
        "Job j1 waits for a board: b1 works on job j0; b2 is draining; b3 is offline; "
        "b4 is here but has not asked for a job. It is next."
    )


def test_a_job_says_how_many_may_go_before_it(scene: Scene) -> None:
    scene.submit(make_job("j1"), make_job("j2"), make_job("j3", priority=2), make_job("j4", priority=-1))
    assert scene.core.why("j1").endswith("Up to 2 jobs may go before it.")
    assert scene.core.why("j3").endswith("It is next.")


def test_each_stage_has_its_words(scene: Scene) -> None:
    scene.submit(make_job())
    scene.serve("b1")
    assert scene.core.why("j1") == "Job j1 is being given to board b1."
    view = scene.core.board_view("b1")
    assert view.lease is not None
    scene.claimed(view.lease)
    assert scene.core.why("j1") == "Job j1 runs on board b1, attempt 1."
    scene.cancel("j1")
    assert scene.core.why("j1") == "Job j1 runs on board b1, attempt 1. It was asked to stop: not wanted."
    scene.record(view.lease, "b1")
    assert scene.core.why("j1") == "Job j1 has ended on board b1; its record is being stored."
    scene.settled(view.lease)
    assert scene.core.why("j1") == "Job j1 waits for nothing: it is finished, or not known to this coordinator."


def test_many_boards_are_not_all_named(scene: Scene) -> None:
    scene.submit(make_job("j1", " ".join(f"b{n}" for n in range(20))))
    assert "b7 is offline; and 12 more boards." in scene.core.why("j1")


def test_a_board_is_busy_until_its_record_is_stored(scene: Scene) -> None:
    scene.submit(make_job())
    scene.attach("b1")
    assert scene.core.board_view("b1").state is BoardState.IDLE
    lease = scene.run("b1")
    assert (scene.core.board_view("b1").state, scene.core.board_view("b1").lease) == (BoardState.BUSY, lease)
    scene.end(lease, "b1", Outcome.PASSED)
    assert (scene.core.board_view("b1").state, scene.core.board_view("b1").lease) == (BoardState.IDLE, None)
    scene.detach("b1")
    assert scene.core.board_view("b1").state is BoardState.OFFLINE


def test_the_rest_is_the_work_of_the_most_loaded_board(scene: Scene) -> None:
    scene.attach("b1")
    scene.attach("b2")
    scene.submit(
        make_job("j1", "b1 b2", estimate_s=10.0),
        make_job("j2", "b1", estimate_s=30.0),
        make_job("j3", "b9", estimate_s=3.0),
    )
    assert scene.core.remaining_s() == pytest.approx(35.0)
    scene.detach("b2")
    assert scene.core.remaining_s() == pytest.approx(40.0)
    assert scene.core.remaining_s("another-run") == 0.0
