"""What Linux says of a process (proc(5)). Elsewhere, and of a process that is gone: zero, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["oom_kills", "rss_of_tree_bytes"]

PROC = Path("/proc")


def rss_of_tree_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, pages that they share counted for each."""
    total = 0
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        folder = PROC / str(current)
        try:
            total += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in (folder / "task").iterdir():
                waiting.extend(int(child) for child in (task / "children").read_text().split())
        except (OSError, ValueError, IndexError):
            continue
    return total


def oom_kills() -> int:
    """How often the kernel killed a process for want of memory since it started; -1 where it does not say."""
    try:
        for line in (PROC / "vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return -1
