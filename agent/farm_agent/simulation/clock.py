"""Virtual time: it passes only where the work lets it pass.

Every `wait` moves the clock on by what was asked for, at once when `speed` is infinite, else in `seconds / speed` real
seconds. What is to happen again and again (`every`) happens on the way, at its due times, in the thread that waits. So
one seed gives one history, however fast or busy the machine is, and ten minutes of cooling cost a test nothing.

Between two waits no time passes at all: a slow coordinator does not cool a simulated board.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Callable

from farm_agent.clock import Clock, Repetition

__all__ = ["VirtualClock"]

_LONGEST_SLEEP_S = 0.05


class VirtualClock(Clock):
    """`speed` virtual seconds to each real second. `epoch` is the wall time at the start; None: the machine's own."""

    def __init__(self, speed: float = math.inf, epoch: float | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"virtual time cannot pass at speed {speed}; it must be positive")
        self._speed = speed
        self._epoch = time.time() if epoch is None else epoch
        self._now = 0.0
        self._owed_s = 0.0
        self._repetitions: list[_Repeated] = []
        self._lock = threading.RLock()

    @property
    def speed(self) -> float:
        return self._speed

    def monotonic(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._epoch + self._now

    def wait(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        until = self._now + max(0.0, seconds)
        while self._now < until:
            if cancel is not None and cancel.is_set():
                return True
            self._advance(until)
            self._pay()
        return cancel is not None and cancel.is_set()

    def every(self, interval_s: float, act: Callable[[], None]) -> Repetition:
        if interval_s <= 0:
            raise ValueError(f"an interval must be positive, not {interval_s} s")
        with self._lock:
            repeated = _Repeated(self, interval_s, act, self._now + interval_s)
            self._repetitions.append(repeated)
        return repeated

    def forget(self, repeated: _Repeated) -> None:
        """A repetition was stopped."""
        with self._lock:
            if repeated in self._repetitions:
                self._repetitions.remove(repeated)

    def _advance(self, until: float) -> None:
        """Go on to `until`, or as far as the first thing that is due before it, and let that happen."""
        with self._lock:
            before = self._now
            stops = [until, *(repeated.due for repeated in self._repetitions)]
            if math.isfinite(self._speed):
                stops.append(before + _LONGEST_SLEEP_S * self._speed)
            self._now = max(before, min(stops))
            self._owed_s += (self._now - before) / self._speed
            for repeated in [repeated for repeated in self._repetitions if repeated.due <= self._now]:
                repeated.happen()

    def _pay(self) -> None:
        """Sleep for the time that passed. Small debts are collected: a sleep is never exact to a millisecond."""
        if self._owed_s > 0.001:
            started = time.monotonic()
            time.sleep(self._owed_s)
            self._owed_s -= time.monotonic() - started


class _Repeated(Repetition):
    """One `every` of a virtual clock."""

    def __init__(self, clock: VirtualClock, interval_s: float, act: Callable[[], None], due: float) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._act = act
        self.due = due

    def happen(self) -> None:
        self.due += self._interval_s
        self._act()

    def stop(self) -> None:
        self._clock.forget(self)
