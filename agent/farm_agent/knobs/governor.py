"""The governor that chooses the CPU's clock: `governor: performance` under `axes` of a sweep.

The value is one name for all policies, or an object from policy to name: `{policy0: schedutil, policy4: performance}`.
Names are those that `scaling_available_governors` lists on the board.
Source: Documentation/admin-guide/pm/cpufreq.rst of Linux.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from farm_agent.knobs.base import Knob
from farm_agent.knobs.cpufreq_policies import find_policies, read_all, refused_by_job, write_and_verify
from farm_agent.pseudo_file import read_line

__all__ = ["Governor", "discover"]

_FILE = "scaling_governor"


class Governor(Knob):
    """`scaling_governor` of every policy."""

    name = "governor"

    def __init__(self, root: Path) -> None:
        self._policies = find_policies(root)

    def read(self) -> str:
        words = read_all(self._policies, _FILE)
        if not words:
            return json.dumps("unknown")
        different = set(words.values())
        return json.dumps(different.pop() if len(different) == 1 else words, sort_keys=True, separators=(",", ":"))

    def apply(self, value: str) -> None:
        wanted = self._parse(value)
        for policy in self._policies:
            if policy.name in wanted:
                write_and_verify(self.name, policy / _FILE, wanted[policy.name])

    def restore(self, before: str) -> None:
        if json.loads(before) != "unknown":
            self.apply(before)

    def _parse(self, value: str) -> Mapping[str, str]:
        parsed = json.loads(value)
        wanted = {policy.name: parsed for policy in self._policies} if isinstance(parsed, str) else parsed
        if not isinstance(wanted, dict) or not wanted:
            raise refused_by_job(self.name, value, "the name of a governor")
        for policy in self._policies:
            offered = (read_line(policy / "scaling_available_governors") or "").split()
            if policy.name in wanted and offered and wanted[policy.name] not in offered:
                raise refused_by_job(self.name, value, f"one of {', '.join(offered)}")
        unknown = set(wanted) - {policy.name for policy in self._policies}
        if unknown:
            raise refused_by_job(self.name, value, f"policies among {', '.join(p.name for p in self._policies)}")
        return wanted


def discover(root: Path) -> Sequence[Knob]:
    """One, where the kernel has cpufreq policies."""
    return [Governor(root)] if find_policies(root) else []
