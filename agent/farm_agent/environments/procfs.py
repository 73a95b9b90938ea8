"""What Linux says of a process (proc(5)). Elsewhere, and of a process that is gone: zero, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["group_lives", "oom_kills", "rss_of_tree_bytes"]

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


def group_lives(group: int) -> bool:
    """Whether a process group has a member that is not dead. Its leader must have been waited for."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A zombie whose new parent never asks for it would stay for ever.
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if its_group == str(group) and state != "Z":
            return True
    return False


def oom_kills() -> int:
    """How often the kernel killed a process for want of memory since it started; -1 where it does not say."""
    try:
        for line in (PROC / "vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return -1
