"""What can be read on a simulated board; the source of each reading is `simulated`.

`temperature.<zone>` in steps of 0.1 C, `clock.cpu` is the true clock, `power.board` what goes into the board,
`throttle.bits` the word of `vcgencmd get_throttled`.
"""

from __future__ import annotations

from collections.abc import Sequence

from farm_agent.sensors.base import Quantity, Sensor
from farm_agent.simulation.machine import Machine

__all__ = ["SimulatedGauges", "SimulatedThrottling", "sensors_of"]


class SimulatedGauges(Sensor):
    """Temperatures, clock, power and load."""

    source = "simulated"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._zones = machine.preset.zones
        self._quantities = (
            *(Quantity(f"temperature.{zone}", "C") for zone in self._zones),
            Quantity("clock.cpu", "Hz"),
            Quantity("power.board", "W"),
            Quantity("load.1min", "tasks"),
        )

    @property
    def quantities(self) -> Sequence[Quantity]:
        return self._quantities

    def read(self) -> Sequence[float | None]:
        view = self._machine.view()
        zones = (round(view.die_c + above_die_k, 1) for above_die_k in self._zones.values())
        return (*zones, view.clock_hz, round(view.power_w, 3), round(view.load_average, 2))


class SimulatedThrottling(Sensor):
    """The throttle word."""

    source = "simulated"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._reason: str | None = None

    @property
    def quantities(self) -> Sequence[Quantity]:
        return (Quantity("throttle.bits", "bits"),)

    def read(self) -> Sequence[float | None]:
        view = self._machine.view()
        self._reason = view.throttle_reason
        return (float(view.throttle_bits),)

    def throttle_reason(self) -> str | None:
        return self._reason


def sensors_of(machine: Machine) -> Sequence[Sensor]:
    """All of a machine's; a board that measures nothing has none."""
    return (SimulatedGauges(machine), SimulatedThrottling(machine)) if machine.preset.measures else ()
