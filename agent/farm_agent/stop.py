"""Why an attempt is asked to stop, said once and heard everywhere: by waits, by runners, by transfers."""

from __future__ import annotations

import enum
import threading
from typing import Callable

from farm_agent.errors import CancelledError

__all__ = ["StopCause", "StopSignal"]


class StopCause(enum.Enum):
    """Who asked."""

    CANCEL = "cancel"
    """A person, by way of the coordinator."""
    LIMIT = "limit"
    """The attempt took longer than it may."""
    SHUTDOWN = "shutdown"
    """The agent is ending."""


class StopSignal(threading.Event):
    """An event with a cause: the first one that is given stays."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self.cause: StopCause | None = None
        self.reason = ""

    def stop(self, cause: StopCause, reason: str) -> None:
        """Ask to stop; only the first call counts."""
        with self._lock:
            if self.cause is not None:
                return
            self.cause = cause
            self.reason = reason
            callbacks = list(self._callbacks)
        self.set()
        for callback in callbacks:
            callback()

    def on_stop(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back when it is asked, at once if it was already; the result takes the callback away again."""
        with self._lock:
            asked = self.cause is not None
            self._callbacks.append(callback)
        if asked:
            callback()

        def remove() -> None:
            with self._lock:
                self._callbacks.remove(callback)

        return remove

    def raise_if_set(self) -> None:
        """Raise `CancelledError` when it was asked."""
        if self.is_set():
            raise CancelledError(self.reason)
