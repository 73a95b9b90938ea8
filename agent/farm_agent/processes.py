"""Process groups that outlived the agent that started them: known again without mistake, and ended.

A process id alone says little: ids are used again. A process is known by its id together with its start time in clock
ticks since the boot (field 22 of proc_pid_stat(5)) and the boot itself (random(4), `boot_id`). When the leader of a
group is gone, what is left of the group is ended only where it still works in the attempt's own folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["StartedGroup", "end_group", "identify"]

_PROC = Path("/proc")
_DEATH_S = 10.0


@dataclass(frozen=True)
class StartedGroup:
    """A process group as it was when it was started."""

    process_group: int
    start_ticks: int
    boot_id: str
    work_dir: str


@dataclass(frozen=True)
class _Stat:
    process_group: int
    start_ticks: int
    state: str


def identify(process_group: int, work_dir: Path) -> StartedGroup | None:
    """How to know this group again; None when it is gone already."""
    stat = _stat(process_group)
    if stat is None:
        return None
    return StartedGroup(process_group, stat.start_ticks, _boot_id(), str(work_dir))


def end_group(group: StartedGroup) -> bool:
    """Kill what is left of a group and wait until it is dead; True when there was something left."""
    if group.boot_id != _boot_id():
        return False
    leader = _stat(group.process_group)
    if leader is not None and leader.state != "Z":
        if leader.start_ticks != group.start_ticks:
            return False  # The id is another's now.
        return _kill(group)
    try:
        os.killpg(group.process_group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    members = [pid for pid in _members(group.process_group) if _works_in(pid, group.work_dir)]
    return bool(members) and _kill(group)


def _kill(group: StartedGroup) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group.process_group, signal.SIGKILL)
    give_up = time.monotonic() + _DEATH_S
    while list(_members(group.process_group)) and time.monotonic() < give_up:
        time.sleep(0.01)
    return True


def _members(process_group: int) -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if stat is not None and stat.process_group == process_group and stat.state != "Z":
                yield int(entry.name)


def _works_in(pid: int, work_dir: str) -> bool:
    with contextlib.suppress(OSError):
        if work_dir.encode() in (_PROC / str(pid) / "environ").read_bytes():
            return True
    with contextlib.suppress(OSError):
        where = (_PROC / str(pid) / "cwd").readlink()
        return str(where) == work_dir or str(where).startswith(work_dir + "/")
    return False


def _stat(pid: int) -> _Stat | None:
    try:
        # The second field is the name in parentheses and may itself hold spaces and parentheses.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return _Stat(state=fields[0], process_group=int(fields[2]), start_ticks=int(fields[19]))
    except (OSError, IndexError, ValueError):
        return None


def _boot_id() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
