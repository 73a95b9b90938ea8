"""Scripted faults as they strike: a crash, a hang, an allocation that failed, a power cut."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from typing import Callable

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import AttemptError
from farm_agent.simulation.faults import Fault
from farm_agent.simulation.machine import Machine

__all__ = ["Trouble"]

_HANG_LOOK_S = 10.0
_LONGEST_HANG_S = 3600.0

_ENDINGS: Mapping[str, tuple[str, str]] = {
    "crash": ("the runner ended with exit status 1", "RuntimeError: told to crash"),
    "segfault": ("the runner was killed by signal 11 (SIGSEGV)", "Segmentation fault"),
    "alloc": ("the runner could not allocate memory", "MemoryError: told to run out of memory"),
}


class Trouble:
    """The faults of the attempt under way. `vanish` ends the agent's own process, as a power cut would."""

    def __init__(self, machine: Machine, vanish: Callable[[], None] | None = None) -> None:
        self._machine = machine
        self._vanish = vanish or (lambda: os.kill(os.getpid(), signal.SIGKILL))

    def in_phase(self, phase: str) -> Fault | None:
        """What this attempt has in store there."""
        return self._machine.faults_now().get(phase)

    def strike(self, phase: str, cancel: threading.Event, alive: Callable[[str], None] | None = None) -> Fault | None:
        """Let the fault of this phase happen. Those that only colour the results are returned, and nothing else done.

        `alive` hears from a hang how long it has lasted, so that a time limit on the board's own clock can end it.
        """
        fault = self.in_phase(phase)
        if fault is None:
            return None
        if fault.kind == "vanish":
            self._vanish()
        elif fault.kind == "undervolt":
            self._machine.sag(fault.amount)
        elif fault.kind == "hang":
            self._hang(phase, cancel, alive)
        elif fault.kind in _ENDINGS:
            message, log = _ENDINGS[fault.kind]
            raise AttemptError(
                f"simulated fault: {message} while in {phase}",
                outcome=attempt_pb2.OUTCOME_FAILED,
                log_tail=f"[simulated] {log}\n",
                hint="The board was told to have it; see `faults=` in docs/simulated-board.md.",
            )
        return fault

    def _hang(self, phase: str, cancel: threading.Event, alive: Callable[[str], None] | None) -> None:
        """Nothing happens until somebody loses patience."""
        passed_s = 0.0
        while passed_s < _LONGEST_HANG_S:
            self._machine.work(_HANG_LOOK_S, 0.0, cancel)
            passed_s += _HANG_LOOK_S
            if alive is not None:
                alive(f"no sign of life for {passed_s:.0f} s")
        raise AttemptError(
            f"simulated fault: the runner hung in {phase} for {passed_s:.0f} s and nobody stopped it",
            outcome=attempt_pb2.OUTCOME_FAILED,
            hint="Set limits.attempt, so that a hang ends sooner.",
        )
