"""The gate: a measurement starts on a board that has cooled down, or says that it did not.

A temperature that cannot be read is unknown. It is never taken for cool; the launch goes on and carries the word
`unknown`, because a thermometer that is not there will not come while one waits.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Callable

from devicefarm.v1 import job_pb2
from farm_agent.boards.base import Board
from farm_agent.stop import StopSignal

__all__ = ["GateOutcome", "GatePassed", "await_gate"]

_LOOK_EVERY_S = 1.0


class GateOutcome(enum.IntEnum):
    """How a gate was passed; the larger, the worse. Its word stands in the context as `gate.outcome`."""

    MET = 0
    UNKNOWN = 1
    TIMED_OUT = 2

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, word: str) -> GateOutcome:
        """The outcome of that word; `MET` for an empty one.

        >>> GateOutcome.of("timed-out").word
        'timed-out'
        """
        return cls[word.upper().replace("-", "_")] if word else cls.MET


@dataclass(frozen=True)
class GatePassed:
    """How long it took and what was read last."""

    outcome: GateOutcome
    temperature_c: float | None
    waited_s: float


def await_gate(board: Board, gate: job_pb2.Gate, stop: StopSignal, note: Callable[[str], None]) -> GatePassed:
    """Wait until the board is below the limit, until the time is up, or until `stop` is set; `note` hears how it is."""
    limit_c = gate.start_below_c
    began = board.clock.monotonic()
    while True:
        temperature_c = board.temperature_c()
        waited_s = board.clock.monotonic() - began
        if temperature_c is None:
            note(f"gate: temperature unknown, not checked against {limit_c:g} C")
            return GatePassed(GateOutcome.UNKNOWN, None, waited_s)
        if temperature_c < limit_c:
            note(f"gate: {temperature_c:.1f} C below {limit_c:g} C after {waited_s:.0f} s")
            return GatePassed(GateOutcome.MET, temperature_c, waited_s)
        if waited_s >= gate.timeout_s:
            note(f"gate: still {temperature_c:.1f} C, not below {limit_c:g} C, after {waited_s:.0f} s")
            return GatePassed(GateOutcome.TIMED_OUT, temperature_c, waited_s)
        note(f"gate: {temperature_c:.1f} C, waiting for {limit_c:g} C")
        if board.clock.wait(min(_LOOK_EVERY_S, gate.timeout_s - waited_s), stop):
            return GatePassed(GateOutcome.TIMED_OUT, temperature_c, waited_s)
