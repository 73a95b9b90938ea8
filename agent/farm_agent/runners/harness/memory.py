"""Resident memory of this process, in bytes; zero where it cannot be read.

`getrusage` is only the second choice: Linux carries `ru_maxrss` over from the process that forked this one, so a small
runner would report its agent's memory. `VmHWM` belongs to this program alone (proc(5)).
"""

import sys
from pathlib import Path

__all__ = ["peak_rss_bytes", "rss_bytes"]


def _status(key: str) -> int:
    try:
        with Path("/proc/self/status").open() as stream:
            for line in stream:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def rss_bytes() -> int:
    return _status("VmRSS")


def peak_rss_bytes() -> int:
    peak = _status("VmHWM")
    if peak:
        return peak
    try:
        import resource
    except ImportError:
        return 0
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return rss if sys.platform == "darwin" else rss * 1024
