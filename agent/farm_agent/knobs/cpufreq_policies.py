"""One file in every cpufreq policy, written and read back: what the governor and the frequency knob have in common.

The values of a policy file are words. A knob that is the same on all policies reads as that one word; otherwise as an
object from policy to word, which is also what puts a mixed machine back as it was.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import KnobError
from farm_agent.pseudo_file import read_line

__all__ = ["find_policies", "read_all", "refused_by_job", "write_and_verify"]


def find_policies(root: Path) -> Sequence[Path]:
    """`/sys/devices/system/cpu/cpufreq/policy*`, in the kernel's order; empty where there is no cpufreq."""
    folder = root / "sys/devices/system/cpu/cpufreq"
    return sorted(folder.glob("policy*"), key=lambda policy: int(re.sub(r"\D", "", policy.name) or "0"))


def read_all(policies: Sequence[Path], file: str) -> Mapping[str, str] | None:
    """From each policy's name to the file's word; None where any of them cannot be read."""
    words: dict[str, str] = {}
    for policy in policies:
        word = read_line(policy / file)
        if not word:
            return None
        words[policy.name] = word
    return words


def write_and_verify(knob: str, path: Path, word: str) -> None:
    """Write `word` and read it back. Raises `KnobError` of the board when it is refused or does not hold."""
    try:
        path.write_text(word)
    except OSError as error:
        raise _refused_by_board(knob, path, word, error) from error
    held = read_line(path)
    if held != word:
        raise KnobError(
            f"{knob}: wrote {word} to {path}, it reads back {held or 'nothing'}",
            kind=attempt_pb2.ERROR_KIND_BOARD,
            hint="The firmware or a program (power profiles, tuned, a thermal daemon) limits it; stop that first.",
        )


def refused_by_job(knob: str, value: str, expected: str) -> KnobError:
    """The value is none that this knob has: the sweep must be changed."""
    return KnobError(
        f"{knob}: {value} is no value of this knob on this board; expected {expected}",
        kind=attempt_pb2.ERROR_KIND_JOB,
        hint=f"Change the value under `{knob}` in the sweep, or select other boards.",
    )


def _refused_by_board(knob: str, path: Path, word: str, error: OSError) -> KnobError:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return KnobError(
            f"{knob}: the agent may not write {path} (it runs as user id {os.geteuid()}; {error.strerror})",
            kind=attempt_pb2.ERROR_KIND_BOARD,
            hint=f"Run the agent as root, or let its group write: chgrp farm {path}; chmod g+w {path}.",
        )
    return KnobError(
        f"{knob}: the kernel refused {word} for {path}: {error.strerror}", kind=attempt_pb2.ERROR_KIND_BOARD
    )
