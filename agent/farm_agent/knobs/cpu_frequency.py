"""The range in which the governor may choose the CPU's clock: `cpu_frequency: {min_hz: 600000000, max_hz: 1500000000}`.

Either end may be left out; a bare number pins both. An object from policy to such a range sets policies apart (big and
little cores). Hz, in whole kHz, within `cpuinfo_min_freq` and `cpuinfo_max_freq`.
Source: Documentation/admin-guide/pm/cpufreq.rst of Linux.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_agent.knobs.base import Knob
from farm_agent.knobs.cpufreq_policies import find_policies, read_all, refused_by_job, write_and_verify
from farm_agent.pseudo_file import read_number

__all__ = ["CpuFrequency", "discover"]

_MIN, _MAX = "scaling_min_freq", "scaling_max_freq"
_HZ_PER_KHZ = 1000
_EXPECTED = "{min_hz: …, max_hz: …} in Hz"


@dataclass(frozen=True)
class _Range:
    """In kHz, as the kernel has it; None leaves that end alone."""

    min_khz: int | None
    max_khz: int | None


class CpuFrequency(Knob):
    """`scaling_min_freq` and `scaling_max_freq` of every policy."""

    name = "cpu_frequency"

    def __init__(self, root: Path) -> None:
        self._policies = find_policies(root)

    def read(self) -> str:
        lowest, highest = read_all(self._policies, _MIN), read_all(self._policies, _MAX)
        if not lowest or not highest:
            return json.dumps("unknown")
        ranges = {
            name: {"max_hz": int(highest[name]) * _HZ_PER_KHZ, "min_hz": int(lowest[name]) * _HZ_PER_KHZ}
            for name in lowest
        }
        first, *others = ranges.values()
        value = first if all(other == first for other in others) else ranges
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def apply(self, value: str) -> None:
        wanted = self._parse(value)
        for policy in self._policies:
            if policy.name in wanted:
                self._set(policy, wanted[policy.name])

    def restore(self, before: str) -> None:
        if json.loads(before) != "unknown":
            self.apply(before)

    def _set(self, policy: Path, wanted: _Range) -> None:
        highest_now = read_number(policy / _MAX) or 0.0
        ends = [(_MIN, wanted.min_khz), (_MAX, wanted.max_khz)]
        if wanted.min_khz is not None and wanted.min_khz > highest_now:
            # The kernel refuses a lower end above the upper one, so the upper one must move first.
            ends.reverse()
        for file, khz in ends:
            if khz is not None:
                write_and_verify(self.name, policy / file, str(khz))

    def _parse(self, value: str) -> Mapping[str, _Range]:
        parsed = json.loads(value)
        names = [policy.name for policy in self._policies]
        by_policy = isinstance(parsed, dict) and bool(parsed) and all(key in names for key in parsed)
        asked = parsed if by_policy else dict.fromkeys(names, parsed)
        ranges: dict[str, _Range] = {}
        for policy in self._policies:
            if policy.name in asked:
                ranges[policy.name] = self._parse_range(policy, asked[policy.name], value)
        return ranges

    def _parse_range(self, policy: Path, asked: object, value: str) -> _Range:
        if isinstance(asked, (int, float)) and not isinstance(asked, bool):
            asked = {"min_hz": asked, "max_hz": asked}
        if not isinstance(asked, dict) or not asked or not set(asked) <= {"min_hz", "max_hz"}:
            raise refused_by_job(self.name, value, _EXPECTED)
        lowest, highest = read_number(policy / "cpuinfo_min_freq"), read_number(policy / "cpuinfo_max_freq")
        ends: dict[str, int] = {}
        for end, hertz in asked.items():
            if isinstance(hertz, bool) or not isinstance(hertz, (int, float)):
                raise refused_by_job(self.name, value, _EXPECTED)
            khz = round(hertz / _HZ_PER_KHZ)
            if (lowest is not None and khz < lowest) or (highest is not None and khz > highest):
                raise refused_by_job(
                    self.name,
                    value,
                    f"Hz from {(lowest or 0) * _HZ_PER_KHZ:.0f} to {(highest or 0) * _HZ_PER_KHZ:.0f} ({policy.name})",
                )
            ends[end] = khz
        if len(ends) == 2 and ends["min_hz"] > ends["max_hz"]:
            raise refused_by_job(self.name, value, "min_hz not above max_hz")
        return _Range(ends.get("min_hz"), ends.get("max_hz"))


def discover(root: Path) -> Sequence[Knob]:
    """One, where the kernel has cpufreq policies."""
    return [CpuFrequency(root)] if find_policies(root) else []
