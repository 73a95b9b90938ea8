"""Time as a board sees it. A simulated board brings its own; everything else uses `RealClock`."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod

__all__ = ["Clock", "RealClock"]


class Clock(ABC):
    """Monotonic and wall time in seconds, and a wait that a cancel cuts short."""

    @abstractmethod
    def monotonic(self) -> float: ...

    @abstractmethod
    def unix(self) -> float: ...

    @abstractmethod
    def wait(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        """Let time pass; True when `cancel` was set before it had."""


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
