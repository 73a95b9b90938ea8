"""How busy the machine is: `/proc/loadavg` and the differences of `/proc/stat` between two reads.

`load.1min` counts runnable tasks. `cpu.busy`, `cpu.system`, `cpu.iowait` and `cpu.steal` are shares (0 to 1) of all
cores' time since the read before; the first read has nothing to subtract from and says None. `cpu.steal` is what a
hypervisor gave to others: on a virtual machine it explains a slow run that nothing else does.
Source: proc(5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_agent.pseudo_file import PseudoFile
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["Load", "discover"]

_LEAST_TICKS = 5
"""A share of fewer ticks (10 ms each) would say 0 or 100 % of nothing; the read after counts them in."""


@dataclass(frozen=True)
class _CpuTime:
    """Ticks since boot of all cores together."""

    busy: float
    system: float
    iowait: float
    steal: float
    total: float


class Load(Sensor):
    """The whole machine's, the runner's own part included."""

    source = "proc"

    def __init__(self, root: Path) -> None:
        self._loadavg = PseudoFile(root / "proc/loadavg")
        self._stat = PseudoFile(root / "proc/stat")
        self._before: _CpuTime | None = None

    @property
    def quantities(self) -> Sequence[Quantity]:
        return (
            Quantity("load.1min", "tasks"),
            Quantity("cpu.busy", "ratio"),
            Quantity("cpu.system", "ratio"),
            Quantity("cpu.iowait", "ratio"),
            Quantity("cpu.steal", "ratio"),
        )

    def read(self) -> Sequence[float | None]:
        return (_first_number(self._loadavg.read()), *self._shares())

    def close(self) -> None:
        self._loadavg.close()
        self._stat.close()

    def _shares(self) -> Sequence[float | None]:
        now, before = _cpu_time(self._stat.read()), self._before
        if now is None or before is None:
            self._before = now
            return (None, None, None, None)
        total = now.total - before.total
        if 0 <= total < _LEAST_TICKS:
            return (None, None, None, None)
        self._before = now
        if total < 0:
            return (None, None, None, None)
        # iowait may run backwards (proc(5)); a share is never below nothing.
        return tuple(
            max(0.0, later - earlier) / total
            for later, earlier in (
                (now.busy, before.busy),
                (now.system, before.system),
                (now.iowait, before.iowait),
                (now.steal, before.steal),
            )
        )


def discover(root: Path) -> Sequence[Sensor]:
    """One, where the kernel has `/proc/stat`."""
    return [Load(root)] if (root / "proc/stat").exists() else []


def _first_number(text: str | None) -> float | None:
    try:
        return float((text or "").split()[0])
    except (IndexError, ValueError):
        return None


def _cpu_time(text: str | None) -> _CpuTime | None:
    words = (text or "").partition("\n")[0].split()
    if len(words) < 5 or words[0] != "cpu":
        return None
    try:
        # user nice system idle iowait irq softirq steal; guest time is in user already.
        user, nice, system, idle, iowait, irq, softirq, steal = ([float(word) for word in words[1:9]] + [0.0] * 8)[:8]
    except ValueError:
        return None
    kernel = system + irq + softirq
    busy = user + nice + kernel
    return _CpuTime(busy, kernel, iowait, steal, busy + idle + iowait + steal)
