"""Files of /proc and /sys: small, made anew at each read, and gone without a word.

`PseudoFile` keeps its descriptor open and reads from the start each time: one system call instead of three, which is
what a sensor that is read ten times a second on a slow core should cost. `read_line` opens and closes.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["PseudoFile", "read_line", "read_number"]

_LARGEST_BYTES = 65536


class PseudoFile:
    """One file, read again and again, by several threads if need be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    def read(self) -> str | None:
        """The text now; None where it cannot be read: absent, forbidden, its device asleep or gone."""
        with self._lock:
            try:
                if self._descriptor is None:
                    self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
                content = os.pread(self._descriptor, _LARGEST_BYTES, 0)
                if os.fstat(self._descriptor).st_nlink == 0:
                    # Removed, and perhaps made anew under the same name since.
                    self._let_go()
                    return None
            except OSError:
                self._let_go()
                return None
        return content.decode("utf-8", "replace")

    def number(self) -> float | None:
        """The number that the file holds; None where it cannot be read or is no number."""
        text = self.read()
        try:
            return None if text is None else float(text)
        except ValueError:
            return None

    def close(self) -> None:
        """Let go of the descriptor; the next read opens the file again."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self._let_go()


def read_line(path: Path) -> str | None:
    """The first line without its line end and trailing NUL bytes (device tree strings have one); None if unreadable."""
    try:
        content = path.read_bytes()[:_LARGEST_BYTES]
    except OSError:
        return None
    text = content.decode("utf-8", "replace").rstrip("\0")
    return text.partition("\n")[0].strip()


def read_number(path: Path) -> float | None:
    """The number that the file holds; None where it cannot be read or is no number."""
    try:
        return float(read_line(path) or "")
    except ValueError:
        return None
