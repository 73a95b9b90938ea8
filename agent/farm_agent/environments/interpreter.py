"""Which Python an environment is for, and on which platform: both decide which wheels fit."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Interpreter", "own_interpreter", "probe"]

_PROBE = (
    "import json, platform, sys; print(json.dumps([sys.executable, platform.python_implementation(), "
    "platform.python_version(), platform.system(), platform.machine(), ' '.join(platform.libc_ver())]))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine."""

    path: Path
    implementation: str
    version: str
    """`3.11.7`."""
    platform: str
    """`Linux x86_64 glibc 2.36`."""

    @property
    def identity(self) -> str:
        return f"{self.implementation} {self.version} on {self.platform}"


@lru_cache(maxsize=1)
def own_interpreter() -> Interpreter:
    """The agent's own."""
    return Interpreter(
        Path(sys.executable),
        platform.python_implementation(),
        platform.python_version(),
        _platform(platform.system(), platform.machine(), " ".join(platform.libc_ver())),
    )


def probe(path: Path) -> Interpreter:
    """Ask another interpreter who it is. Raises `OSError` or `subprocess.SubprocessError` when it cannot say."""
    said = subprocess.run([str(path), "-I", "-c", _PROBE], capture_output=True, check=True, timeout=60)
    executable, implementation, version, system, machine, libc = json.loads(said.stdout)
    return Interpreter(Path(executable), implementation, version, _platform(system, machine, libc))


def _platform(system: str, machine: str, libc: str) -> str:
    return " ".join(f"{system} {machine} {libc}".split())
