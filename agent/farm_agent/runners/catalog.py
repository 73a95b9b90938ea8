"""Which runners there are: the file, the model formats, and what its environment is made of.

A runner is found by its entry point in the group `farm_agent.runners`. To add one for a runtime called `fast`:

    FAST = RunnerKind(name="fast", formats=("fst",), requirements=(("fastlib", "numpy"),), imports=("fastlib",),
                      file=Path(__file__).with_name("run_fast.py"))

    [project.entry-points."farm_agent.runners"]
    fast = "your_package.catalog:FAST"

>>> ONNXRUNTIME.alternatives("onnxruntime==1.16.*")
(('onnxruntime==1.16.*', 'numpy', 'numpy<2'),)
>>> COMMAND.alternatives("")
()
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "GROUP", "LITERT", "ONNXRUNTIME", "RunnerKind", "load_catalog"]

GROUP = "farm_agent.runners"

# Wheels that were built against numpy 1 and don't say so: numpy 2 resolves, and then they die when first used
# (onnxruntime before 1.19, tflite-runtime to its last release 2.14.0).
NUMPY_1_ONLY = re.compile(r"tflite[-_]runtime\b|onnxruntime[-_a-z]*\s*==\s*1\.(\d|1[0-8])(\.|\s|$|;)", re.IGNORECASE)


@dataclass(frozen=True)
class RunnerKind:
    """One runner."""

    name: str
    """The runtime's name, as it stands in a sweep."""
    formats: tuple[str, ...]
    """Model formats that it reads; empty: any, or none at all."""
    requirements: tuple[tuple[str, ...], ...] = ()
    """What its environment is made of. Several sets: the first one that has wheels for the board is taken."""
    imports: tuple[str, ...] = ()
    """Modules of which one must import in a finished environment."""
    file: Path | None = None
    """The program; None for the `command` runner, whose program the job names."""
    python: str = ""
    """Version of the interpreter that it needs, `3.9`; empty: the agent's own."""
    machines: tuple[str, ...] = ()
    """`platform.machine()` of boards that have wheels; empty: any."""
    silence_s: float | None = 300.0
    """A launch that says nothing for so long hangs; None: only the attempt's limit ends it."""

    def alternatives(self, requirement: str) -> tuple[tuple[str, ...], ...]:
        """The sets of requirements to try in order; a job's own requirement stands in for the default."""
        if not self.requirements:
            return ()
        if not requirement:
            return self.requirements
        wanted = (requirement, "numpy")
        return ((*wanted, "numpy<2") if NUMPY_1_ONLY.match(requirement) else wanted,)

    def unavailable_on(self, machine: str) -> str:
        """Why no board of this architecture can run it; empty when it can."""
        if not self.machines or machine.lower() in self.machines:
            return ""
        return f"{self.name} has no wheels for {machine}, only for {', '.join(self.machines)}"


_RUNNERS = Path(__file__).parent

ONNXRUNTIME = RunnerKind(
    name="onnxruntime",
    formats=("onnx",),
    requirements=(("onnxruntime", "numpy"),),
    imports=("onnxruntime",),
    file=_RUNNERS / "run_onnxruntime.py",
    machines=("x86_64", "amd64", "aarch64", "arm64"),
)

LITERT = RunnerKind(
    name="litert",
    formats=("tflite",),
    requirements=(("ai-edge-litert", "numpy"), ("tflite-runtime==2.14.0", "numpy<2")),
    imports=("ai_edge_litert.interpreter", "tflite_runtime.interpreter"),
    file=_RUNNERS / "run_litert.py",
    machines=("x86_64", "amd64", "aarch64", "arm64", "armv7l"),
)

COMMAND = RunnerKind(name="command", formats=(), silence_s=None)


@lru_cache(maxsize=1)
def load_catalog() -> Mapping[str, RunnerKind]:
    """Every runner that is installed, by name. Raises what a broken one raises when it is imported."""
    found: Any = entry_points()  # A mapping of groups on Python 3.9, which select() replaced.
    group: Iterable[EntryPoint] = found.select(group=GROUP) if hasattr(found, "select") else found.get(GROUP, [])
    kinds: dict[str, RunnerKind] = {}
    for point in group:
        kind = point.load()
        if not isinstance(kind, RunnerKind):
            raise TypeError(f"entry point {point.name} of {GROUP} is a {type(kind).__name__}, not a RunnerKind")
        kinds[kind.name] = kind
    return kinds
