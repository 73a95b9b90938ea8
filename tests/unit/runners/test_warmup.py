"""Warm-up ends when the series is level."""

from __future__ import annotations

import random

from farm_agent.runners.harness.warmup import is_level, warm_up

MS = 1_000_000


class Machine:
    """A model whose latency falls towards a floor, as caches fill and the clock rises."""

    def __init__(self, *, floor_ns: int, extra_ns: int, halved_after_ns: int, noise: float = 0.0) -> None:
        self.now = 0
        self._floor_ns = floor_ns
        self._extra_ns = extra_ns
        self._halved_after_ns = halved_after_ns
        self._noise = noise
        self._random = random.Random(1)

    def clock(self) -> int:
        return self.now

    def infer(self) -> None:
        extra = self._extra_ns * 0.5 ** (self.now / self._halved_after_ns)
        self.now += int((self._floor_ns + extra) * (1 + self._random.gauss(0, self._noise)))


def test_three_equal_windows_are_level_and_two_are_not() -> None:
    window = [100, 101, 99, 100, 100]

    assert not is_level([window, window])
    assert is_level([window, window, window])


def test_a_falling_series_is_not_level() -> None:
    assert not is_level([[130] * 5, [115] * 5, [100] * 5])


def test_a_noisy_series_is_level_when_its_windows_differ_by_their_noise_only() -> None:
    noise = random.Random(3)
    windows = [[int(noise.gauss(1000, 200)) for _ in range(12)] for _ in range(3)]

    assert is_level(windows)


def test_it_goes_on_until_the_machine_is_warm() -> None:
    machine = Machine(floor_ns=1 * MS, extra_ns=2 * MS, halved_after_ns=200 * MS, noise=0.01)

    warmed = warm_up(machine.infer, 10_000 * MS, clock=machine.clock)

    # Level at 2 % over three windows of 50 ms: at most a tenth of the latency is still to fall.
    assert warmed.level
    assert machine.now > 600 * MS
    assert 2 * MS * 0.5 ** (machine.now / (200 * MS)) < 0.1 * MS


def test_a_warm_machine_does_not_wait() -> None:
    machine = Machine(floor_ns=1 * MS, extra_ns=0, halved_after_ns=1, noise=0.01)

    assert warm_up(machine.infer, 10_000 * MS, clock=machine.clock).elapsed_ns < 200 * MS


def test_the_bound_ends_it_and_says_that_it_was_not_level() -> None:
    machine = Machine(floor_ns=1 * MS, extra_ns=50 * MS, halved_after_ns=5_000 * MS)

    warmed = warm_up(machine.infer, 1_000 * MS, clock=machine.clock)

    assert not warmed.level
    assert 1_000 * MS <= warmed.elapsed_ns < 1_100 * MS


def test_no_time_for_it_means_none() -> None:
    machine = Machine(floor_ns=1 * MS, extra_ns=0, halved_after_ns=1)

    assert warm_up(machine.infer, 0, clock=machine.clock).inferences == 0
