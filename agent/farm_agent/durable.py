"""Writing a file so that after a power cut it is either the old one or the new one, whole.

Write beside it, `fsync`, rename over it, `fsync` the folder: the order that POSIX asks for (rename(2), fsync(2):
"calling fsync() does not necessarily ensure that the entry in the directory containing the file has also reached
disk").
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["TEMPORARY_SUFFIX", "sync_folder", "write_durably"]

TEMPORARY_SUFFIX = ".tmp"
"""What a file is called until it is whole. One that is found after a crash was never promised to anyone."""


def write_durably(path: Path, content: bytes) -> None:
    """Make `path` hold `content`, now and after a power cut. Raises `OSError`; then nothing has changed."""
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
