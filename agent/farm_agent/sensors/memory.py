"""Memory that is left, and swap in use: `/proc/meminfo`, in bytes.

`memory.available` is the kernel's own estimate of what a new program could take without swapping. Swap that grows
during a run makes the run's numbers those of the storage.
Source: proc(5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from farm_agent.pseudo_file import PseudoFile
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["Memory", "discover"]

_BYTES_PER_KIB = 1024.0
_FIELDS = re.compile(r"^(MemAvailable|SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE)


class Memory(Sensor):
    """The whole machine's."""

    source = "proc"

    def __init__(self, root: Path) -> None:
        self._meminfo = PseudoFile(root / "proc/meminfo")

    @property
    def quantities(self) -> Sequence[Quantity]:
        return (Quantity("memory.available", "bytes"), Quantity("swap.used", "bytes"))

    def read(self) -> Sequence[float | None]:
        found = {name: float(kib) * _BYTES_PER_KIB for name, kib in _FIELDS.findall(self._meminfo.read() or "")}
        swap_total, swap_free = found.get("SwapTotal"), found.get("SwapFree")
        used = None if swap_total is None or swap_free is None else swap_total - swap_free
        return (found.get("MemAvailable"), used)

    def close(self) -> None:
        self._meminfo.close()


def discover(root: Path) -> Sequence[Sensor]:
    """One, where the kernel has `/proc/meminfo`."""
    return [Memory(root)] if (root / "proc/meminfo").exists() else []
