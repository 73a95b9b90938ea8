"""The phases that an attempt went through, as they happen: one ends where the next begins."""

from __future__ import annotations

import threading
from typing import Callable

from devicefarm.v1 import attempt_pb2

__all__ = ["PhaseLog"]


class PhaseLog:
    """Spans in order. `elapsed_s` gives the seconds since the attempt began, `announce` hears each phase and note."""

    def __init__(self, elapsed_s: Callable[[], float], announce: Callable[[attempt_pb2.Phase, str], None]) -> None:
        self._elapsed_s = elapsed_s
        self._announce = announce
        # Notes may come from a thread of the executor's.
        self._lock = threading.Lock()
        self._spans: list[attempt_pb2.PhaseSpan] = []

    @property
    def current(self) -> attempt_pb2.Phase:
        return self._spans[-1].phase if self._spans else attempt_pb2.PHASE_UNSPECIFIED

    @property
    def current_name(self) -> str:
        """As people say it: `measure`."""
        return attempt_pb2.Phase.Name(self.current)[len("PHASE_") :].lower()

    def enter(self, phase: attempt_pb2.Phase, note: str = "") -> None:
        """The phase before is over, this one begins."""
        now_s = self._elapsed_s()
        with self._lock:
            self._end(now_s)
            self._spans.append(attempt_pb2.PhaseSpan(phase=phase, start_s=now_s, end_s=now_s, note=note))
        self._announce(phase, note)

    def note(self, note: str) -> None:
        """Say what happens in this phase; the last word stays."""
        with self._lock:
            if not self._spans or self._spans[-1].note == note:
                return
            self._spans[-1].note = note
            phase = self._spans[-1].phase
        self._announce(phase, note)

    def finish(self) -> list[attempt_pb2.PhaseSpan]:
        """End the last phase; everything there was, in order."""
        with self._lock:
            self._end(self._elapsed_s())
            return list(self._spans)

    def _end(self, now_s: float) -> None:
        if self._spans:
            self._spans[-1].end_s = now_s
