"""A sensor: a source of telemetry on a board.

A reading that cannot be had is None, never zero: an absent thermometer does not say that the board is cold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Quantity", "Sensor"]


@dataclass(frozen=True)
class Quantity:
    """One thing a sensor can say: `temperature.cpu-thermal` in `C`."""

    name: str
    unit: str


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
        """The board's own word for why it runs slower now; None when it does not, or this sensor cannot tell."""
        return None
