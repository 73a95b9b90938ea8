from __future__ import annotations

import math
import threading
import time

import pytest

from farm_agent.simulation.clock import VirtualClock


def test_an_hour_passes_at_once() -> None:
    clock = VirtualClock()
    real = time.monotonic()
    assert clock.wait(3600.0) is False
    assert clock.monotonic() == 3600.0
    assert time.monotonic() - real < 60.0


def test_wall_time_follows() -> None:
    clock = VirtualClock(epoch=1_700_000_000.0)
    clock.wait(12.5)
    assert clock.unix() == 1_700_000_012.5


def test_a_finite_speed_paces_it_against_real_time() -> None:
    clock = VirtualClock(speed=100.0)
    real = time.monotonic()
    clock.wait(20.0)
    assert clock.monotonic() == pytest.approx(20.0)
    # 20 virtual seconds at 100 to 1; a sleep may be long, never short.
    assert time.monotonic() - real > 0.15


def test_pacing_changes_nothing_that_happens() -> None:
    def history(speed: float) -> list[float]:
        clock = VirtualClock(speed)
        happened: list[float] = []
        clock.every(0.7, lambda: happened.append(round(clock.monotonic(), 9)))
        clock.wait(3.0)
        clock.wait(2.0)
        return happened

    assert history(math.inf) == history(200.0) == [0.7, 1.4, 2.1, 2.8, 3.5, 4.2, 4.9]


def test_several_repetitions_happen_in_the_order_in_which_they_are_due() -> None:
    clock = VirtualClock()
    happened: list[str] = []
    clock.every(2.0, lambda: happened.append("two"))
    clock.every(1.5, lambda: happened.append("one and a half"))
    clock.wait(4.5)
    assert happened == ["one and a half", "two", "one and a half", "two", "one and a half"]


def test_a_stopped_repetition_does_not_come_again() -> None:
    clock = VirtualClock()
    happened: list[float] = []
    repetition = clock.every(1.0, lambda: happened.append(clock.monotonic()))
    clock.wait(2.0)
    repetition.stop()
    repetition.stop()
    clock.wait(5.0)
    assert happened == [1.0, 2.0]


def test_a_cancel_stops_time_where_it_is() -> None:
    clock = VirtualClock()
    cancel = threading.Event()
    clock.every(3.0, cancel.set)
    assert clock.wait(100.0, cancel) is True
    assert clock.monotonic() == 3.0
    assert clock.wait(1.0, cancel) is True
    assert clock.monotonic() == 3.0


def test_time_never_runs_backwards_when_two_threads_wait() -> None:
    clock = VirtualClock()
    seen: list[float] = []
    clock.every(0.01, lambda: seen.append(clock.monotonic()))
    threads = [threading.Thread(target=lambda: [clock.wait(0.37) for _ in range(50)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30.0)
    assert seen == sorted(seen)
    assert clock.monotonic() >= 50 * 0.37


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        VirtualClock(speed)
