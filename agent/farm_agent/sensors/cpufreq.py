"""CPU clocks of the kernel's cpufreq policies, `/sys/devices/system/cpu/cpufreq/policy*`, in Hz.

`clock_asked.policy0` is `scaling_cur_freq`: what was asked for last. On many boards it is not what the cores run at:
a throttled Raspberry Pi 3B was recorded saying 1,200 MHz while it ran at 657. `clock.policy0` is `cpuinfo_cur_freq`,
asked of the hardware; the kernel lets only root read it, and where it cannot be read there is no such quantity.

On x86 reading the hardware's clock interrupts the core that is being measured, so only the kernel's own value is taken
there; it comes from APERF/MPERF, the cycles that were really run, and is named `clock.policy0` for that reason.
A machine with more than eight policies gives the lowest and the highest of them instead of each.
Source: Documentation/admin-guide/pm/cpufreq.rst of Linux.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from farm_agent.pseudo_file import PseudoFile, read_line, read_number
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["CpuClock", "CpuClockRange", "discover"]

_MOST_POLICIES = 8
_TRUE_BY_COUNTERS = ("intel_pstate", "intel_cpufreq", "amd-pstate", "amd-pstate-epp", "acpi-cpufreq")
_HZ_PER_KHZ = 1000.0


class CpuClock(Sensor):
    """The clock of one policy: the cores that share one."""

    source = "cpufreq"

    def __init__(self, name: str, frequency: Path) -> None:
        self._quantities = (Quantity(name, "Hz"),)
        self._frequency = PseudoFile(frequency)

    @property
    def quantities(self) -> Sequence[Quantity]:
        return self._quantities

    def read(self) -> Sequence[float | None]:
        return (_hertz(self._frequency),)

    def close(self) -> None:
        self._frequency.close()


class CpuClockRange(Sensor):
    """The lowest and the highest clock of many policies."""

    source = "cpufreq"

    def __init__(self, prefix: str, frequencies: Sequence[Path]) -> None:
        self._quantities = (Quantity(f"{prefix}.min", "Hz"), Quantity(f"{prefix}.max", "Hz"))
        self._frequencies = [PseudoFile(frequency) for frequency in frequencies]

    @property
    def quantities(self) -> Sequence[Quantity]:
        return self._quantities

    def read(self) -> Sequence[float | None]:
        clocks = [clock for clock in map(_hertz, self._frequencies) if clock is not None]
        return (min(clocks), max(clocks)) if clocks else (None, None)

    def close(self) -> None:
        for frequency in self._frequencies:
            frequency.close()


def discover(root: Path) -> Sequence[Sensor]:
    """What the kernel was asked for, and what the hardware says where it may be read."""
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*"), key=_number)
    return [*_of_file(policies, "scaling_cur_freq"), *_of_file(policies, "cpuinfo_cur_freq")]


def _of_file(policies: Sequence[Path], file: str) -> Sequence[Sensor]:
    by_prefix: dict[str, list[Path]] = {}
    for policy in policies:
        if read_number(policy / file) is None:
            continue
        counted = (read_line(policy / "scaling_driver") or "") in _TRUE_BY_COUNTERS
        if counted and file == "cpuinfo_cur_freq":
            continue
        prefix = "clock" if counted or file == "cpuinfo_cur_freq" else "clock_asked"
        by_prefix.setdefault(prefix, []).append(policy)
    found: list[Sensor] = []
    for prefix, readable in by_prefix.items():
        if len(readable) > _MOST_POLICIES:
            found.append(CpuClockRange(prefix, [policy / file for policy in readable]))
        else:
            found.extend(CpuClock(f"{prefix}.{policy.name}", policy / file) for policy in readable)
    return found


def _hertz(frequency: PseudoFile) -> float | None:
    kilohertz = frequency.number()
    # 0 stands for "not known" in some vendor kernels; no clock that runs is 0.
    return kilohertz * _HZ_PER_KHZ if kilohertz else None


def _number(policy: Path) -> int:
    digits = re.sub(r"\D", "", policy.name)
    return int(digits) if digits else 0
