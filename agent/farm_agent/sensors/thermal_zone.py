"""Thermal zones of the kernel: `/sys/class/thermal/thermal_zone*/{type,temp}`, in thousandths of a degree Celsius.

Names come from the zone's type: `temperature.cpu-thermal`; a second zone of the same type is
`temperature.cpu-thermal-2`. A zone whose device is asleep or off still answers, with a number of its own: a Coral in
reset says -89700, a switched-off part of a Jetson -256000. What no board at work can be is unknown, not a temperature.
Source: Documentation/driver-api/thermal/sysfs-api.rst of Linux.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from farm_agent.pseudo_file import PseudoFile, read_line
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["ThermalZone", "discover"]

COLDEST_C = -40.0
HOTTEST_C = 150.0
"""The range of industrial parts with room to spare; a value outside it is a sensor's way to say that it is off."""


class ThermalZone(Sensor):
    """One zone."""

    source = "thermal_zone"

    def __init__(self, name: str, temp: Path) -> None:
        self._quantities = (Quantity(name, "C"),)
        self._temp = PseudoFile(temp)

    @property
    def quantities(self) -> Sequence[Quantity]:
        return self._quantities

    def read(self) -> Sequence[float | None]:
        return (plausible_c(self._temp.number()),)

    def close(self) -> None:
        self._temp.close()


def plausible_c(millidegrees: float | None) -> float | None:
    """Degrees Celsius, or None for what no board at work can be.

    >>> plausible_c(48_312)
    48.312
    >>> plausible_c(-89_700) is None
    True
    """
    if millidegrees is None:
        return None
    degrees = millidegrees / 1000.0
    return degrees if COLDEST_C <= degrees <= HOTTEST_C else None


def discover(root: Path) -> Sequence[Sensor]:
    """Every zone with a type, in the kernel's order."""
    found: list[Sensor] = []
    seen: dict[str, int] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"), key=_number):
        kind = re.sub(r"[^a-z0-9]+", "-", (read_line(zone / "type") or "").lower()).strip("-")
        if not kind:
            continue
        seen[kind] = seen.get(kind, 0) + 1
        name = kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"
        found.append(ThermalZone(f"temperature.{name}", zone / "temp"))
    return found


def _number(zone: Path) -> int:
    digits = re.sub(r"\D", "", zone.name)
    return int(digits) if digits else 0
