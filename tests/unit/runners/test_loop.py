"""The measuring loop, on a clock that is told what time it is."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from farm_agent.runners.harness.loop import Rule, loop_overhead_s, measure

MS = 1_000_000


class ToldClock:
    """Nanoseconds that pass only when an inference says so."""

    def __init__(self) -> None:
        self.now = 10 * MS

    def __call__(self) -> int:
        return self.now

    def inference(self, *durations_ns: int) -> Callable[[], None]:
        """An inference that takes these times in turn, the last one for ever."""
        left = list(durations_ns)

        def run() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


@pytest.fixture
def clock() -> ToldClock:
    return ToldClock()


def rule(min_ms: float = 0, min_count: int = 0, max_ms: float = 1e6, max_count: int = 1_000_000) -> Rule:
    return Rule(int(min_ms * MS), min_count, int(max_ms * MS), max_count)


def test_latencies_are_kept_in_order(clock: ToldClock) -> None:
    series = measure(clock.inference(3 * MS, 1 * MS, 2 * MS), rule(min_count=4), clock=clock)

    assert list(series.latency_ns) == [3 * MS, 1 * MS, 2 * MS, 2 * MS]
    assert series.elapsed_ns == 8 * MS


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (rule(min_ms=100, min_count=10), 100),  # the duration is the slower minimum
        (rule(min_ms=5, min_count=64), 64),  # the count is
        (rule(min_ms=100, min_count=10, max_count=30), 30),  # a maximum ends it before a minimum
        (rule(min_ms=5, min_count=64, max_ms=20), 20),
        (rule(), 1),  # nothing asked: one inference all the same
    ],
)
def test_both_minimums_hold_and_either_maximum_ends_it(clock: ToldClock, asked: Rule, expected: int) -> None:
    assert len(measure(clock.inference(1 * MS), asked, clock=clock).latency_ns) == expected


def test_one_slow_inference_is_measured_whole(clock: ToldClock) -> None:
    series = measure(clock.inference(60_000 * MS), rule(min_ms=10, max_ms=1000), clock=clock)

    assert list(series.latency_ns) == [60_000 * MS]


def test_more_inferences_than_a_block_holds(clock: ToldClock) -> None:
    assert len(measure(clock.inference(1000), rule(min_count=10_001), clock=clock).latency_ns) == 10_001


def test_progress_is_told_between_blocks_and_not_timed(clock: ToldClock) -> None:
    told: list[tuple[int, int]] = []

    def between(count: int, elapsed_ns: int) -> None:
        told.append((count, elapsed_ns))
        clock.now += 7 * MS

    series = measure(clock.inference(100 * MS), rule(min_ms=2000), between, clock=clock)

    assert told[0] == (5, 500 * MS)
    assert set(series.latency_ns) == {100 * MS}
    # It lies within the wall time all the same, which throughput is made of.
    assert series.elapsed_ns == len(series.latency_ns) * 100 * MS + len(told) * 7 * MS


@pytest.mark.parametrize(
    ("count", "elapsed_ms", "expected"), [(5, 50, 0.5), (10, 50, 0.5), (5, 100, 0.5), (99, 999, 1)]
)
def test_the_slower_minimum_says_how_far_it_is(count: int, elapsed_ms: int, expected: float) -> None:
    assert rule(min_ms=100, min_count=10).fraction(count, elapsed_ms * MS) == expected


def test_the_collector_rests_meanwhile_and_wakes_even_after_an_error(clock: ToldClock) -> None:
    seen: list[bool] = []

    def fail() -> None:
        seen.append(gc.isenabled())
        raise MemoryError

    with pytest.raises(MemoryError):
        measure(fail, rule(), clock=clock)

    assert seen == [False]
    assert gc.isenabled()


def test_the_cost_of_a_turn_counts_what_is_not_inference() -> None:
    class Ticking:
        def __init__(self) -> None:
            self.now = 0

        def __call__(self) -> int:
            self.now += 100
            return self.now

    # Two clock reads to a turn, 100 ns each; the first read of all belongs to the first of 2,000 turns.
    assert loop_overhead_s(Ticking()) == pytest.approx(200e-9, rel=1e-3)
