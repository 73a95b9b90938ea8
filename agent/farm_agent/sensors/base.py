"""A sensor: a source of telemetry on a board.

A reading that cannot be had is None, never zero: an absent thermometer does not say that the board is cold.

Names are `<what>.<which>`: `temperature.cpu-thermal`, `clock.policy0`, `clock_asked.policy0`, `load.1min`, `cpu.busy`,
`throttle.gpu-throttle-alert`. Temperatures and clocks are found by the part before the first dot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["UNITS", "Quantity", "Sensor"]

UNITS = frozenset({"C", "Hz", "W", "V", "A", "ratio", "bytes", "tasks", "level", "bits"})
"""Every unit a reading can have. `ratio` is 0 to 1; `tasks` are runnable ones (the load); `level` is a cooling
device's step, 0 for none; `bits` is a firmware's throttle word as a number."""


@dataclass(frozen=True)
class Quantity:
    """One thing a sensor can say: `temperature.cpu-thermal` in `C`."""

    name: str
    """Unique on its board."""
    unit: str
    """One of `UNITS`."""


class Sensor(ABC):
    """Read all quantities at once; each read is stamped by the caller when it returns."""

    source: str
    """Where it comes from: `thermal_zone`, `vcgencmd`, `simulated`."""

    @property
    @abstractmethod
    def quantities(self) -> Sequence[Quantity]:
        """What `read` returns, in order; fixed for the life of the sensor."""

    @abstractmethod
    def read(self) -> Sequence[float | None]:
        """One value per quantity, None where it could not be read. Never raises for a missing file."""

    def throttle_reason(self) -> str | None:
        """The board's own word for why it ran slower at the last `read`; None when it did not, or cannot be told."""
        return None

    def close(self) -> None:  # noqa: B027  # most have nothing open
        """Let go of open files; the next `read` opens them again."""
