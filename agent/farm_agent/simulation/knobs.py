"""What can be set on a simulated board.

| knob | values | costs |
|---|---|---|
| `clock` | `stock`, or `{arm_freq: 2000, over_voltage: 6}` (MHz; steps of 25 mV, -16 to 8) | a reboot |
| `governor` | `ondemand` `performance` `powersave` | nothing |
| `fan` | `on` `off` `auto` | nothing |

An overclock is limited to 1.6 times the stock clock. That too little voltage makes a real board crash is not modelled.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import KnobError
from farm_agent.knobs.base import Knob
from farm_agent.simulation.machine import Machine, Settings

__all__ = ["SimulatedClock", "SimulatedFan", "SimulatedGovernor", "knobs_of"]

_MOST_OVERCLOCK = 1.6
_MHZ = 1e6


class _SimulatedKnob(Knob):
    """One of the machine's settings."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def read(self) -> str:
        return self._value_in(self._machine.settings)

    def apply(self, value: str) -> None:
        self._change(value, "apply")

    def restore(self, before: str) -> None:
        self._change(before, "restore")

    def _change(self, value: str, phase: str) -> None:
        wanted = self._checked(value)
        self._machine.change(self.name, phase, lambda settings: self._with_value(settings, wanted))

    @abstractmethod
    def _value_in(self, settings: Settings) -> str: ...

    @abstractmethod
    def _with_value(self, settings: Settings, value: str) -> Settings: ...

    @abstractmethod
    def _checked(self, value: str) -> str:
        """The value as it is kept. Raises `KnobError` of the job."""

    def _refused(self, value: str, expected: str) -> KnobError:
        return KnobError(
            f"{self.name}: {value} is no value of this knob on a simulated board; expected {expected}",
            kind=attempt_pb2.ERROR_KIND_JOB,
            hint=f"Change the value under `{self.name}` in the sweep.",
        )


class SimulatedClock(_SimulatedKnob):
    """The highest clock and its voltage."""

    name = "clock"

    def _value_in(self, settings: Settings) -> str:
        return settings.clock

    def _with_value(self, settings: Settings, value: str) -> Settings:
        return replace(settings, clock=value)

    def _checked(self, value: str) -> str:
        wanted = json.loads(value)
        if wanted == "stock":
            return value
        clocks_hz = self._machine.preset.clocks_hz
        lowest, highest = clocks_hz[-1] / _MHZ, clocks_hz[0] / _MHZ * _MOST_OVERCLOCK
        expected = f"stock or {{arm_freq: {lowest:g} to {highest:g}, over_voltage: -16 to 8}}"
        if not isinstance(wanted, dict) or not wanted or not set(wanted) <= {"arm_freq", "over_voltage"}:
            raise self._refused(value, expected)
        frequency, voltage = wanted.get("arm_freq", lowest), wanted.get("over_voltage", 0)
        if not _is_number(frequency) or not lowest <= frequency <= highest:
            raise self._refused(value, expected)
        if not _is_number(voltage) or not -16 <= voltage <= 8:
            raise self._refused(value, expected)
        return json.dumps(wanted, sort_keys=True, separators=(",", ":"))


class SimulatedGovernor(_SimulatedKnob):
    """Who chooses the clock."""

    name = "governor"

    def _value_in(self, settings: Settings) -> str:
        return json.dumps(settings.governor)

    def _with_value(self, settings: Settings, value: str) -> Settings:
        return replace(settings, governor=value)

    def _checked(self, value: str) -> str:
        return _one_of(self, value, ("ondemand", "performance", "powersave"))


class SimulatedFan(_SimulatedKnob):
    """Whether the fan blows."""

    name = "fan"

    def _value_in(self, settings: Settings) -> str:
        return json.dumps(settings.fan)

    def _with_value(self, settings: Settings, value: str) -> Settings:
        return replace(settings, fan=value)

    def _checked(self, value: str) -> str:
        return _one_of(self, value, ("on", "off", "auto"))


def knobs_of(machine: Machine) -> Sequence[Knob]:
    """All of a machine's."""
    return (SimulatedClock(machine), SimulatedGovernor(machine), SimulatedFan(machine))


def _one_of(knob: _SimulatedKnob, value: str, choices: Sequence[str]) -> str:
    wanted = json.loads(value)
    if wanted not in choices:
        raise knob._refused(value, f"one of {', '.join(choices)}")
    return str(wanted)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
