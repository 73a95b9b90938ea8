"""The machine that a benchmark ran on, as it is written beside every result."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe_machine"]

_PACKAGES = ("grpcio", "protobuf", "sqlalchemy", "sqlmodel", "numpy", "ray", "onnxruntime", "ai-edge-litert")


def describe_machine() -> dict[str, object]:
    """CPU, cores, memory, kernel, interpreter, libraries, and the load when it was asked."""
    return {
        "at_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release().partition("-")[0],
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "libraries": {name: found for name in _PACKAGES if (found := _version(name))},
        "load_average_1min": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
