"""Telemetry: what the board's sensors said beside an attempt.

    with TelemetrySampler(board.sensors(), board.clock) as sampler:
        …                                   # the attempt; sampler.throttle_events grows
    record.telemetry.CopyFrom(sampler.finish())

One sample is taken at the start, one at each interval of the board's clock, one at the end. A reading is stamped when
it returned, in nanoseconds since the attempt began. What could not be read leaves no point: a gap is "unknown".

A board that runs slower for a reason of its own says so through `Sensor.throttle_reason`; consecutive samples with the
same reason are one throttle event, from the first sample that saw it to the first that did not.

Sampling takes time of the cores that are being measured. What a sample costs is measured (`cost_s`), so it is known.
"""

from __future__ import annotations

import logging
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from devicefarm.columns import FLOATS, INTEGERS, pack_floats, pack_integers
from devicefarm.v1 import attempt_pb2
from farm_agent.clock import Clock, Repetition
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["TelemetrySampler"]

_log = logging.getLogger(__name__)
_NS_PER_S = 1_000_000_000


class TelemetrySampler:
    """Samples all sensors at an interval, from construction's `start` to `finish`.

    `began` is when the attempt began on `clock`; None: now. `interval_s` is at least 0.1 (10 Hz).
    """

    def __init__(
        self, sensors: Sequence[Sensor], clock: Clock, interval_s: float = 1.0, began: float | None = None
    ) -> None:
        if interval_s < 0.1:
            raise ValueError(f"telemetry is sampled at most ten times a second, not every {interval_s} s")
        self._clock = clock
        self._interval_s = interval_s
        self._began = clock.monotonic() if began is None else began
        self._watched = [_Watched(sensor) for sensor in sensors]
        self._repetition: Repetition | None = None
        self._finished = False
        self._lock = threading.Lock()
        self.sample_count = 0
        self.total_cost_s = 0.0
        self.max_cost_s = 0.0
        """Of the dearest sample, in real seconds."""

    @property
    def cost_s(self) -> float:
        """Mean cost of one sample of all sensors, in real seconds; 0 before the first."""
        return self.total_cost_s / self.sample_count if self.sample_count else 0.0

    @property
    def throttle_events(self) -> Sequence[attempt_pb2.ThrottleEvent]:
        """So far; one that goes on ends at the latest sample."""
        with self._lock:
            return [event for watched in self._watched for event in watched.events()]

    def start(self) -> None:
        """Take the first sample, and then one at each interval."""
        self.sample()
        if self._watched:
            self._repetition = self._clock.every(self._interval_s, self.sample)

    def sample(self) -> None:
        """Read every sensor once, now."""
        with self._lock:
            if self._finished:
                return
            started = time.perf_counter()
            for watched in self._watched:
                watched.sample(self._clock, self._began)
            cost_s = time.perf_counter() - started
            self.sample_count += 1
            self.total_cost_s += cost_s
            self.max_cost_s = max(self.max_cost_s, cost_s)

    def finish(self) -> attempt_pb2.Telemetry:
        """Take the last sample and say everything. Called again it says the same, without another sample."""
        if self._repetition is not None:
            self._repetition.stop()
            self._repetition = None
        if not self._finished:
            self.sample()
        with self._lock:
            self._finished = True
        telemetry = attempt_pb2.Telemetry(throttle_events=self.throttle_events)
        for watched in self._watched:
            telemetry.series.extend(watched.series())
        return telemetry

    def __enter__(self) -> TelemetrySampler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()


@dataclass
class _Points:
    """The readings of one quantity."""

    quantity: Quantity
    at_ns: array[int]
    values: array[float]


class _Watched:
    """One sensor and what it said."""

    def __init__(self, sensor: Sensor) -> None:
        self._sensor = sensor
        self._points = [_Points(quantity, array("q"), array("d")) for quantity in sensor.quantities]
        self._events: list[attempt_pb2.ThrottleEvent] = []
        self._ongoing: attempt_pb2.ThrottleEvent | None = None
        self._broken = False

    def sample(self, clock: Clock, began: float) -> None:
        if self._broken:
            return
        try:
            values = self._sensor.read()
            at_s = clock.monotonic() - began
            reason = self._sensor.throttle_reason()
        except Exception:  # a sensor may be anybody's; a defect in it must not end the attempt beside it
            self._broken = True
            _log.exception("sensor %s failed and is left out from now on", self._sensor.source)
            return
        at_ns = round(at_s * _NS_PER_S)
        for points, value in zip(self._points, values):
            if value is not None:
                points.at_ns.append(at_ns)
                points.values.append(value)
        self._note_throttling(at_s, reason)

    def events(self) -> Sequence[attempt_pb2.ThrottleEvent]:
        return self._events

    def series(self) -> Sequence[attempt_pb2.SensorSeries]:
        return [
            attempt_pb2.SensorSeries(
                sensor=points.quantity.name,
                unit=points.quantity.unit,
                source=self._sensor.source,
                at_ns=attempt_pb2.Column(codec=INTEGERS, count=len(points.at_ns), inline=pack_integers(points.at_ns)),
                values=attempt_pb2.Column(codec=FLOATS, count=len(points.values), inline=pack_floats(points.values)),
            )
            for points in self._points
            if points.values
        ]

    def _note_throttling(self, at_s: float, reason: str | None) -> None:
        if self._ongoing is not None:
            self._ongoing.end_s = at_s
            if self._ongoing.reason == reason:
                return
            self._ongoing = None
        if reason is not None:
            self._ongoing = attempt_pb2.ThrottleEvent(
                start_s=at_s, end_s=at_s, reason=reason, sensor=self._sensor.quantities[0].name
            )
            self._events.append(self._ongoing)
