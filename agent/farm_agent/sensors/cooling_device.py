"""Cooling devices that slow the board down: `/sys/class/thermal/cooling_device*/{type,cur_state}`.

The kernel calls everything a cooling device that can make a board cooler; a fan at step 3 is normal, a CPU at step 3
is throttled. Only those that throttle are read. `throttle.cpu-throttle-alert` is the step (`level`), 0 for not
throttled, and the kind's name is the reason that a throttle event carries.

| type | of |
|---|---|
| `*-throttle-alert`, `hot-surface-alert` | Jetson: cpu, gpu, soc0 to 2, cv0 to 2 |
| `cpufreq-cpu0`, `thermal-cpufreq-0` | the CPU's clock is capped; newer and older kernels |
| `devfreq-*`, `thermal-devfreq-*` | a GPU's or NPU's clock is capped |
| `Processor` | ACPI: P-state and T-state limits of an x86 core |
| `intel_powerclamp` | forced idle; -1 when it is off |
Source: Documentation/driver-api/thermal/ of Linux; the Jetson names as the boards print them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from farm_agent.pseudo_file import PseudoFile, read_line
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["CoolingDevice", "discover"]

_THROTTLES = re.compile(
    r".+-throttle-alert|hot-surface-alert|cpufreq-.+|thermal-cpufreq-\d+|devfreq-.+|thermal-devfreq-\d+"
    r"|Processor|intel_powerclamp"
)


class CoolingDevice(Sensor):
    """One of them, or all of one type together: the highest step of any."""

    source = "cooling_device"

    def __init__(self, kind: str, states: Sequence[Path]) -> None:
        self._kind = kind
        self._quantities = (Quantity(f"throttle.{kind}", "level"),)
        self._states = [PseudoFile(state) for state in states]
        self._throttled = False

    @property
    def quantities(self) -> Sequence[Quantity]:
        return self._quantities

    def read(self) -> Sequence[float | None]:
        known = [level for level in (state.number() for state in self._states) if level is not None]
        highest = max(0.0, max(known)) if known else None
        self._throttled = bool(highest)
        return (highest,)

    def throttle_reason(self) -> str | None:
        return self._kind if self._throttled else None

    def close(self) -> None:
        for state in self._states:
            state.close()


def discover(root: Path) -> Sequence[Sensor]:
    """One sensor for each type that throttles."""
    by_kind: dict[str, list[Path]] = {}
    for device in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        kind = read_line(device / "type") or ""
        if _THROTTLES.fullmatch(kind):
            by_kind.setdefault(kind, []).append(device / "cur_state")
    return [CoolingDevice(kind, states) for kind, states in sorted(by_kind.items())]
