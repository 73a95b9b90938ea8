"""The order played through in virtual time, and the bound that it is measured by."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from farm.model.job import Job
from farm.scheduling.families import SetupCosts
from farm.scheduling.forecast import forecast, lower_bound_s
from tests.unit.scheduling.scene import make_job

FREE = SetupCosts(knobs_s=0.0, environment_first_s=0.0, environment_s=0.0, model_s=0.0)


def test_a_queue_without_set_up_is_spread_longest_first() -> None:
    jobs = [make_job(f"j{n}", "b1 b2", estimate_s=length) for n, length in enumerate((2.0, 2.0, 3.0, 5.0))]
    seen = forecast(jobs, FREE)
    assert (seen.makespan_s, seen.setup_s, seen.reboots) == (7.0, 0.0, 0)
    assert lower_bound_s(jobs, FREE) == 6.0


def test_a_reboot_is_counted_when_knobs_change_but_not_for_the_first_setting() -> None:
    jobs = [make_job("j1"), make_job("j2", knobs={"arm_freq": "2000"}), make_job("j3")]
    seen = forecast(jobs, SetupCosts(knobs_s=50.0, environment_first_s=0.0, environment_s=0.0, model_s=0.0))
    assert (seen.reboots, seen.setup_s) == (1, 100.0)


def test_what_jobs_really_take_may_differ_from_their_estimate() -> None:
    assert forecast([make_job(estimate_s=1.0)], FREE, duration_s=lambda job: 7.0).makespan_s == 7.0


def test_the_bound_is_never_beaten_not_even_by_the_best_of_all_orders() -> None:
    """Brute force over every assignment and order of five jobs on two boards."""
    costs = SetupCosts(knobs_s=7.0, environment_first_s=3.0, environment_s=1.0, model_s=0.0)
    jobs = [
        make_job(f"j{n}", "b1 b2", runtime=runtime, knobs=knobs, estimate_s=length)
        for n, (runtime, knobs, length) in enumerate(
            [("a", {}, 4.0), ("a", {"f": "2"}, 6.0), ("b", {}, 5.0), ("b", {"f": "2"}, 2.0), ("a", {}, 9.0)]
        )
    ]
    best = min(
        max(
            forecast(
                [_on(job, board) for job, board in zip(order, boards) if board == one], costs, order=_Given()
            ).makespan_s
            for one in ("b1", "b2")
        )
        for order in itertools.permutations(jobs)
        for boards in itertools.product(("b1", "b2"), repeat=len(jobs))
        if len(set(boards)) == 2
    )
    assert lower_bound_s(jobs, costs) <= best <= forecast(jobs, costs).makespan_s
    assert forecast(jobs, costs).makespan_s <= 1.5 * best


def test_boards_that_share_nothing_are_bounded_apart() -> None:
    jobs = [make_job("j1", "b1", estimate_s=3.0), make_job("j2", "b2 b3", estimate_s=10.0)]
    assert lower_bound_s(jobs, FREE) == pytest.approx(10.0)


def _on(job: Job, board_id: str) -> Job:
    return replace(job, board_ids=(board_id,))


class _Given:
    """The order in which jobs were put in."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    def add(self, job: Job, board_ids: tuple[str, ...], now: float) -> None:
        self._jobs.append(job)

    def take(self, board_id: str, now: float) -> Job | None:
        return self._jobs.pop(0) if self._jobs else None
