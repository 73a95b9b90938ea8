"""Memory that is left, and swap in use: `/proc/meminfo`, in bytes.

`memory.available` is the kernel's own estimate of what a new program could take without swapping. Swap that grows
during a run makes the run's numbers those of the storage.
Source: proc(5).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from farm_agent.pseudo_file import PseudoFile
from farm_agent.sensors.base import Quantity, Sensor

__all__ = ["Memory", "discover"]

_BYTES_PER_KIB = 1024.0


class Memory(Sensor):
    """The whole machine's."""

    source = "proc"

    def __init__(self, root: Path) -> None:
        self._meminfo = PseudoFile(root / "proc/meminfo")

    @property
    def quantities(self) -> Sequence[Quantity]:
        return (Quantity("memory.available", "bytes"), Quantity("swap.used", "bytes"))

    def read(self) -> Sequence[float | None]:
        fields = dict(line.split(":", 1) for line in (self._meminfo.read() or "").splitlines() if ":" in line)
        swap_total, swap_free = _bytes(fields, "SwapTotal"), _bytes(fields, "SwapFree")
        used = None if swap_total is None or swap_free is None else swap_total - swap_free
        return (_bytes(fields, "MemAvailable"), used)

    def close(self) -> None:
        self._meminfo.close()


def discover(root: Path) -> Sequence[Sensor]:
    """One, where the kernel has `/proc/meminfo`."""
    return [Memory(root)] if (root / "proc/meminfo").exists() else []


def _bytes(fields: dict[str, str], name: str) -> float | None:
    try:
        return float(fields[name].split()[0]) * _BYTES_PER_KIB
    except (KeyError, IndexError, ValueError):
        return None
