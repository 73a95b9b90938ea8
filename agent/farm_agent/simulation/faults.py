"""Faults that a simulated board is told to have: `faults=crash@measure:0.02,hang@load:0.01,undervolt:#3`.

    KIND[@PHASE][:WHEN][xAMOUNT]

WHEN is a probability for each attempt (`0.02`), the number of an attempt on this board counted from 1 (`#3`, `#3-5`),
or left out for every attempt. Seed and number of the attempt decide, so the same board fails the same way again.

| kind | phases | what happens | amount |
|---|---|---|---|
| `crash` | prepare load warmup measure verify | the runner ends with an exit status and a log | |
| `segfault` | the same | the runner is killed by SIGSEGV | |
| `alloc` | the same | the runner cannot allocate memory | |
| `hang` | the same | no sign of life until it is stopped | |
| `vanish` | the same | the agent's own process is killed with SIGKILL | |
| `slow` | measure | latencies are multiplied | factor, 3 |
| `undervolt` | measure | the supply sags: bits, lowest clock | seconds, 2 |
| `wrong-output` | verify | the outputs differ from the golden ones | |
| `refuse` | apply restore | a knob cannot be set | |
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from farm_agent.errors import UsageError

__all__ = ["Fault", "FaultPlan", "parse_faults"]

_RUNNER_PHASES = ("measure", "prepare", "load", "warmup", "verify")
_PHASES: dict[str, tuple[str, ...]] = {
    "crash": _RUNNER_PHASES,
    "segfault": _RUNNER_PHASES,
    "alloc": ("load", "measure", "prepare", "warmup", "verify"),
    "hang": _RUNNER_PHASES,
    "vanish": _RUNNER_PHASES,
    "slow": ("measure",),
    "undervolt": ("measure",),
    "wrong-output": ("verify",),
    "refuse": ("apply", "restore"),
}
_AMOUNTS = {"slow": 3.0, "undervolt": 2.0}
_FAULT = re.compile(
    r"(?P<kind>[a-z-]+?)(@(?P<phase>[a-z]+))?"
    r"(:(#(?P<first>\d+)(-(?P<last>\d+))?|(?P<probability>\d*\.?\d+)))?(x(?P<amount>\d*\.?\d+))?"
)


@dataclass(frozen=True)
class Fault:
    """One scripted fault."""

    kind: str
    phase: str
    probability: float = 1.0
    first: int = 1
    """The first and the last attempt that can have it, counted from 1."""
    last: int | None = None
    amount: float = 0.0


@dataclass(frozen=True)
class FaultPlan:
    """Which faults which attempt has."""

    faults: Sequence[Fault] = ()
    seed: int = 0

    def of_attempt(self, number: int) -> Sequence[Fault]:
        """Those that the attempt of this number has, in the order in which they were written."""
        return [
            fault
            for index, fault in enumerate(self.faults)
            if fault.first <= number <= (fault.last or number)
            and random.Random(f"{self.seed} fault {index} attempt {number}").random() < fault.probability
        ]


def parse_faults(text: str) -> Sequence[Fault]:
    """Read what stands after `faults=`. Raises `UsageError` naming what is wrong.

    >>> parse_faults("hang@load:0.01")
    [Fault(kind='hang', phase='load', probability=0.01, first=1, last=None, amount=0.0)]
    >>> [(fault.kind, fault.phase, fault.first, fault.last) for fault in parse_faults("crash:#3,slow:#4-6x2.5")]
    [('crash', 'measure', 3, 3), ('slow', 'measure', 4, 6)]
    """
    return [_parse_fault(word.strip()) for word in text.split(",") if word.strip()]


def _parse_fault(word: str) -> Fault:
    found = _FAULT.fullmatch(word)
    if found is None:
        raise UsageError(
            f"{word!r} is no fault; expected KIND[@PHASE][:WHEN][xAMOUNT]",
            hint="For example: crash@measure:0.02 (each attempt with 2 %) or undervolt:#3 (the third attempt).",
        )
    kind = found["kind"]
    phases = _PHASES.get(kind)
    if phases is None:
        raise UsageError(f"{word!r}: there is no fault {kind!r}", hint=f"Known: {', '.join(_PHASES)}.")
    phase = found["phase"] or phases[0]
    if phase not in phases:
        raise UsageError(f"{word!r}: {kind} cannot happen in {phase!r}", hint=f"It can in: {', '.join(phases)}.")
    probability = 1.0 if found["probability"] is None else float(found["probability"])
    if probability > 1.0:
        raise UsageError(
            f"{word!r}: {probability:g} is no probability", hint=f"The third attempt is written {kind}@{phase}:#3."
        )
    first = int(found["first"] or 1)
    last = int(found["last"]) if found["last"] else (first if found["first"] else None)
    amount = float(found["amount"]) if found["amount"] else _AMOUNTS.get(kind, 0.0)
    return Fault(kind, phase, probability, first, last, amount)
