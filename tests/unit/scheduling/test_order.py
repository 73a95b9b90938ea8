"""Which job a free board gets next."""

from __future__ import annotations

import random
from dataclasses import replace

from farm.model.job import ArtifactRef, Job, Model
from farm.scheduling.order import EMPTY_POOLS_KEPT, FAMILIES_LOOKED_AT, Queue
from farm.scheduling.policy import Policy
from tests.unit.scheduling.scene import make_job


def filled(*jobs: Job, policy: Policy | None = None) -> Queue:
    queue = Queue(policy or Policy())
    for job in jobs:
        queue.add(job, job.board_ids, now=0.0)
    return queue


def drain(queue: Queue, board_id: str = "b1", now: float = 0.0) -> list[str]:
    taken = []
    while (job := queue.take(board_id, now)) is not None:
        taken.append(job.job_id)
    return taken


def test_the_higher_class_goes_first_whatever_its_family() -> None:
    queue = filled(make_job("low", estimate_s=9.0), make_job("high", runtime="litert", priority=1))
    assert drain(queue) == ["high", "low"]


def test_inside_a_family_the_longest_goes_first_and_equals_in_order() -> None:
    jobs = [make_job(name, estimate_s=length) for name, length in (("a", 1.0), ("b", 3.0), ("c", 3.0), ("d", 2.0))]
    assert drain(filled(*jobs)) == ["b", "c", "d", "a"]


def test_a_board_stays_in_its_family_while_that_has_jobs() -> None:
    queue = filled(make_job("a1", estimate_s=1.0), make_job("a2", estimate_s=1.0))
    queue.take("b1", 0.0)
    queue.add(make_job("other", runtime="litert", estimate_s=100.0), ("b1",), now=0.0)
    assert drain(queue) == ["a2", "other"]


def test_an_environment_is_changed_before_a_clock() -> None:
    queue = filled(make_job("now"))
    assert drain(queue) == ["now"]
    queue.add(make_job("reboot", knobs={"arm_freq": "2000"}, estimate_s=100.0), ("b1",), now=0.0)
    queue.add(make_job("wheels", runtime="litert", estimate_s=1.0), ("b1",), now=0.0)
    assert drain(queue) == ["wheels", "reboot"]


def test_boards_spread_over_families_of_equal_cost() -> None:
    jobs = [make_job(f"{runtime}{n}", "b1 b2", runtime=runtime) for runtime in ("litert", "ncnn") for n in range(2)]
    queue = filled(*jobs)
    first, second = queue.take("b1", 0.0), queue.take("b2", 0.0)
    assert first is not None
    assert second is not None
    assert first.spec.config.runtime != second.spec.config.runtime


def test_jobs_of_a_model_follow_each_other_while_others_have_enough_to_do() -> None:
    def job(name: str, model: str, estimate_s: float) -> Job:
        plain = make_job(name, estimate_s=estimate_s)
        return replace(plain, spec=replace(plain.spec, model=Model(model, "onnx", "float32", ArtifactRef(model, 1))))

    queue = filled(job("a9", "a", 9.0), job("b8", "b", 8.0), job("a1", "a", 1.0), job("b7", "b", 7.0))
    assert drain(queue) == ["a9", "a1", "b8", "b7"]


def test_only_boards_that_may_run_a_job_get_it() -> None:
    queue = filled(make_job("j1", "b2"), make_job("j2", "b1 b2"))
    assert drain(queue, "b1") == ["j2"]
    assert drain(queue, "b3") == []
    assert drain(queue, "b2") == ["j1"]


def test_a_removed_job_is_not_given_out() -> None:
    queue = filled(make_job("j1", estimate_s=2.0), make_job("j2"))
    assert queue.remove("j1") is not None
    assert queue.remove("j1") is None
    assert "j1" not in queue
    assert len(queue) == 1
    assert drain(queue) == ["j2"]


def test_an_old_job_goes_before_a_higher_class_and_the_family() -> None:
    policy = Policy(age_bound_s=100.0, age_turn_s=50.0)
    queue = filled(make_job("old", runtime="litert"), policy=policy)
    for n in range(3):
        queue.add(make_job(f"new{n}", priority=1), ("b1",), now=90.0)
    assert [queue.take("b1", now).job_id for now in (91.0, 101.0, 102.0)] == ["new0", "old", "new1"]  # type: ignore[union-attr]


def test_ageing_changes_a_boards_set_up_at_most_once_a_turn() -> None:
    """In a queue longer than the bound everything is old; it is still worked off by family."""
    runtimes = ("litert", "ncnn", "onnxruntime")
    policy = Policy(age_bound_s=10.0, age_turn_s=60.0)
    queue = filled(*(make_job(f"j{n:02}", runtime=runtimes[n % 3]) for n in range(60)), policy=policy)
    taken = [queue.take("b1", now=20.0 + n) for n in range(60)]
    changes = sum(a.spec.config.runtime != b.spec.config.runtime for a, b in zip(taken, taken[1:]) if a and b)
    assert None not in taken
    assert changes <= 4


def test_no_job_waits_for_ever_behind_a_family_that_never_ends() -> None:
    policy = Policy(age_bound_s=100.0, age_turn_s=50.0)
    queue = filled(make_job("rare", runtime="litert"), policy=policy)
    for second in range(200):
        queue.add(make_job(f"common{second}", estimate_s=5.0), ("b1",), now=float(second))
        job = queue.take("b1", now=float(second))
        if second and job is not None and job.job_id == "rare":
            break
    assert second <= 101


def test_ten_thousand_families_cost_no_more_than_those_that_are_looked_at() -> None:
    queue = filled(*(make_job(f"j{n}", runtime=f"runtime{n}", estimate_s=float(n)) for n in range(1000)))
    board = queue._pools_of["b1"][0]
    assert len(list(board.candidates(()))) == 2 * FAMILIES_LOOKED_AT
    assert len(drain(queue)) == 1000


def test_pools_that_ran_empty_are_dropped_in_the_end() -> None:
    queue = Queue()
    for n in range(10 * EMPTY_POOLS_KEPT):
        queue.add(make_job(f"j{n}", f"b1 x{n}"), ("b1", f"x{n}"), now=0.0)
        assert drain(queue) == [f"j{n}"]
    assert len(queue._pools_of["b1"]) <= EMPTY_POOLS_KEPT + 1


def test_every_job_is_given_out_exactly_once_whatever_happens_in_between() -> None:
    rng = random.Random(5)
    queue = Queue(Policy(age_bound_s=20.0, age_turn_s=5.0))
    names = [f"b{n}" for n in range(4)]
    waiting: set[str] = set()
    given: list[str] = []
    for turn in range(3000):
        if rng.random() < 0.5:
            boards = tuple(sorted(rng.sample(names, rng.randint(1, 4))))
            job = make_job(
                f"j{turn}",
                " ".join(boards),
                runtime=rng.choice(("a", "b", "c")),
                knobs={"f": rng.choice(("1", "2"))},
                priority=rng.randint(0, 2),
                estimate_s=rng.random(),
            )
            queue.add(job, boards, now=float(turn))
            waiting.add(job.job_id)
        elif rng.random() < 0.2 and waiting:
            gone = rng.choice(sorted(waiting))
            assert queue.remove(gone) is not None
            waiting.remove(gone)
        else:
            board = rng.choice(names)
            taken = queue.take(board, now=float(turn))
            if taken is not None:
                assert board in taken.board_ids
                waiting.remove(taken.job_id)
                given.append(taken.job_id)
        assert len(queue) == len(waiting)
    for board in names:
        given += drain(queue, board, now=3000.0)
    assert len(given) == len(set(given))
    assert len(queue) == 0
