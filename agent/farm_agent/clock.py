"""Time as a board sees it. A simulated board brings its own; everything else uses `RealClock`.

What must happen again and again beside the work (telemetry) asks the clock for it with `every`, instead of a thread
that waits: on a board whose time is virtual, time passes only where the work lets it pass, and what is due happens
on the way.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from typing import Callable

__all__ = ["Clock", "RealClock", "Repetition"]


class Repetition(ABC):
    """Something that happens at each interval until it is stopped."""

    @abstractmethod
    def stop(self) -> None:
        """End it. When this returns, no call is under way and none will come. May be called twice."""


class Clock(ABC):
    """Monotonic and wall time in seconds, and a wait that a cancel cuts short."""

    @abstractmethod
    def monotonic(self) -> float: ...

    @abstractmethod
    def unix(self) -> float: ...

    @abstractmethod
    def wait(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        """Let time pass; True when `cancel` was set before it had."""

    def every(self, interval_s: float, act: Callable[[], None]) -> Repetition:
        """Call `act` one interval from now and at each interval after it, until stopped; here by a thread of its own.

        The calls come at multiples of the interval, whatever `act` takes; one that would come too late is left out.
        """
        return _RepeatingThread(interval_s, act)


class RealClock(Clock):
    """The machine's own."""

    def monotonic(self) -> float:
        return time.monotonic()

    def unix(self) -> float:
        return time.time()

    def wait(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        if cancel is not None:
            return cancel.wait(seconds)
        time.sleep(seconds)
        return False


class _RepeatingThread(Repetition):
    """One daemon thread; asleep between the calls."""

    def __init__(self, interval_s: float, act: Callable[[], None]) -> None:
        if interval_s <= 0:
            raise ValueError(f"an interval must be positive, not {interval_s} s")
        self._interval_s = interval_s
        self._act = act
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="farm-agent-every", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _repeat(self) -> None:
        due = time.monotonic() + self._interval_s
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            self._act()
            missed = max(0.0, time.monotonic() - due) // self._interval_s
            due += self._interval_s * (1 + missed)
