from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from devicefarm.columns import unpack_floats, unpack_integers
from devicefarm.v1 import attempt_pb2
from farm_agent.clock import RealClock
from farm_agent.sensors.base import Quantity, Sensor
from farm_agent.simulation.clock import VirtualClock
from farm_agent.telemetry import TelemetrySampler


class Scripted(Sensor):
    """Says one value after the other; then the last for ever."""

    source = "scripted"

    def __init__(self, values: Sequence[float | None], reasons: Sequence[str | None] = (None,)) -> None:
        self._values, self._reasons = list(values), list(reasons)
        self._reason: str | None = None

    @property
    def quantities(self) -> Sequence[Quantity]:
        return (Quantity("temperature.die", "C"),)

    def read(self) -> Sequence[float | None]:
        self._reason = self._reasons.pop(0) if len(self._reasons) > 1 else self._reasons[0]
        return (self._values.pop(0) if len(self._values) > 1 else self._values[0],)

    def throttle_reason(self) -> str | None:
        return self._reason


class Broken(Scripted):
    def read(self) -> Sequence[float | None]:
        raise RuntimeError("a defect in somebody's sensor")


def points(series: attempt_pb2.SensorSeries) -> list[tuple[float, float]]:
    at_s = [at / 1e9 for at in unpack_integers(series.at_ns.inline)]
    values = unpack_floats(series.values.inline)
    assert series.at_ns.count == series.values.count == len(at_s) == len(values)
    return list(zip(at_s, values))


def test_one_sample_at_the_start_one_each_second_one_at_the_end() -> None:
    clock = VirtualClock()
    clock.wait(100.0)
    with TelemetrySampler([Scripted([40.0, 41.0, 42.0, 43.0])], clock) as sampler:
        clock.wait(2.5)
    (series,) = sampler.finish().series
    assert (series.sensor, series.unit, series.source) == ("temperature.die", "C", "scripted")
    assert points(series) == [(0.0, 40.0), (1.0, 41.0), (2.0, 42.0), (2.5, 43.0)]


def test_stamps_count_from_the_beginning_of_the_attempt() -> None:
    clock = VirtualClock()
    began = clock.monotonic()
    clock.wait(3.0)
    sampler = TelemetrySampler([Scripted([40.0])], clock, began=began)
    sampler.start()
    assert points(sampler.finish().series[0]) == [(3.0, 40.0), (3.0, 40.0)]


def test_what_could_not_be_read_leaves_a_gap_and_never_a_zero() -> None:
    clock = VirtualClock()
    with TelemetrySampler([Scripted([None, 41.0, None, 43.0])], clock) as sampler:
        clock.wait(3.0)
    assert points(sampler.finish().series[0]) == [(1.0, 41.0), (3.0, 43.0), (3.0, 43.0)]


def test_a_sensor_that_never_answers_makes_no_series() -> None:
    clock = VirtualClock()
    with TelemetrySampler([Scripted([None])], clock) as sampler:
        clock.wait(3.0)
    assert not sampler.finish().series


def test_throttling_is_told_as_intervals_with_the_boards_own_reason() -> None:
    clock = VirtualClock()
    hot = Scripted([80.0], [None, "too hot", "too hot", None, "under-voltage", "too hot", "too hot"])
    with TelemetrySampler([hot], clock) as sampler:
        clock.wait(5.0)
        assert len(sampler.throttle_events) == 3
        clock.wait(1.5)
    events = [(e.start_s, e.end_s, e.reason, e.sensor) for e in sampler.finish().throttle_events]
    assert events == [
        (1.0, 3.0, "too hot", "temperature.die"),
        (4.0, 5.0, "under-voltage", "temperature.die"),
        (5.0, 6.5, "too hot", "temperature.die"),
    ]


def test_a_defect_in_one_sensor_ends_that_sensor_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    with TelemetrySampler([Broken([1.0]), Scripted([40.0])], clock) as sampler:
        clock.wait(2.0)
    (series,) = sampler.finish().series
    assert series.at_ns.count == 4
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_what_sampling_costs_is_known() -> None:
    with TelemetrySampler([Scripted([40.0])], VirtualClock()) as sampler:
        pass
    assert sampler.sample_count == 2
    assert 0.0 < sampler.cost_s <= sampler.max_cost_s
    assert sampler.total_cost_s == pytest.approx(2 * sampler.cost_s)


def test_finished_twice_says_the_same() -> None:
    sampler = TelemetrySampler([Scripted([40.0])], VirtualClock())
    sampler.start()
    first = sampler.finish()
    sampler.sample()
    assert sampler.finish() == first


def test_faster_than_ten_times_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="ten times a second"):
        TelemetrySampler([], VirtualClock(), interval_s=0.05)


def test_on_the_machines_own_clock_samples_come_by_themselves() -> None:
    seen = threading.Semaphore(0)

    class Noticed(Scripted):
        def read(self) -> Sequence[float | None]:
            seen.release()
            return super().read()

    with TelemetrySampler([Noticed([40.0])], RealClock(), interval_s=0.1) as sampler:
        for _ in range(4):
            assert seen.acquire(timeout=10.0)
    at_s = [at for at, _ in points(sampler.finish().series[0])]
    assert at_s == sorted(at_s)
    assert at_s[3] >= 0.25


def test_a_repetition_that_was_stopped_never_comes_again() -> None:
    calls: list[str] = []
    stopped, other = threading.Semaphore(0), threading.Semaphore(0)
    clock = RealClock()

    def note() -> None:
        calls.append("first")
        stopped.release()

    first = clock.every(0.01, note)
    assert stopped.acquire(timeout=10.0)
    first.stop()
    counted = calls.count("first")
    second = clock.every(0.01, other.release)
    for _ in range(5):
        assert other.acquire(timeout=10.0)
    second.stop()
    first.stop()
    assert calls.count("first") == counted
