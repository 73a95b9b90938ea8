"""Files by digest on disk: models, goldens, environment locks, and columns too large for a message.

    <root>/ab/abcdef…       complete: its sha256 is its name; never changed again
    <root>/partial/abcdef…  on its way: survives a cut and a restart, and is resumed at its length

A file is verified only when its last byte is there, then made durable and renamed into place, so whatever carries its
digest as a name is right. Everything here blocks: call it from a thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from farm.errors import FarmError, ModelFileError, StoreError, UnknownRunError
from farm.model.job import ArtifactRef

__all__ = ["CHUNK_BYTES", "ArtifactFiles", "Upload"]

CHUNK_BYTES = 256 * 1024
"""The best of 16 KiB to 1 MiB over loopback with write, fsync and sha256."""

T = TypeVar("T")


class ArtifactFiles:
    """The folder. Raises `StoreError` when the disk fails or is full."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / "partial"
        _on_disk(root, lambda: self._partial.mkdir(parents=True, exist_ok=True))

    def has(self, ref: ArtifactRef) -> bool:
        """Whether the file is here, complete."""
        try:
            return self._path(ref.sha256).stat().st_size == ref.size_bytes
        except FileNotFoundError:
            return False

    def open_to_read(self, sha256: str) -> tuple[int, int]:
        """A descriptor to read from and the size in bytes; raises `UnknownRunError`."""
        try:
            descriptor = os.open(self._path(sha256), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise UnknownRunError(
                f"No artifact {sha256[:12]}… is here.",
                hint="Files are put before a run is submitted: submit the run again.",
            ) from None
        return descriptor, os.fstat(descriptor).st_size

    def read(self, ref: ArtifactRef) -> bytes:
        """The whole content; raises `UnknownRunError`."""
        descriptor, size_bytes = self.open_to_read(ref.sha256)
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read(size_bytes)

    def partial_size(self, sha256: str) -> int:
        """Where an upload of this file goes on."""
        try:
            return (self._partial / sha256).stat().st_size
        except FileNotFoundError:
            return 0

    def resume(self, ref: ArtifactRef) -> Upload:
        """An upload to begin or to go on with, once it is opened; at most one at a time for one digest."""
        return Upload(ref, self._partial / ref.sha256, self._path(ref.sha256))

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


class Upload:
    """One upload on its way: `open` it first, `close` it in any case; what was written stays for the next try.

    Whoever waits for `open` on another thread may be cancelled meanwhile: a `close` before its end closes the file as
    soon as it is open.
    """

    def __init__(self, ref: ArtifactRef, partial: Path, target: Path) -> None:
        self._ref = ref
        self._partial = partial
        self._target = target
        self._sha256 = hashlib.sha256()
        self.size = 0
        self._closing = threading.Lock()
        self._closed = False
        self._stream: BinaryIO | None = None

    def open(self) -> None:
        """Open what is there already and take it in; raises `StoreError`."""
        stream = _on_disk(self._partial, lambda: self._partial.open("a+b"))
        with self._closing:
            self._stream = stream
            if self._closed:
                stream.close()
                return
        _on_disk(self._partial, self._hash_what_is_there)

    def write(self, data: bytes) -> None:
        """Append; raises `ModelFileError` when there is more than the file should have, and forgets it all."""
        if self.size + len(data) > self._ref.size_bytes:
            self.discard()
            raise ModelFileError(
                f"{self._label()} has more than the {self._ref.size_bytes} bytes that were announced.",
                hint="Did the file change while it was sent? Submit again.",
            )
        _on_disk(self._partial, lambda: self._opened.write(data))
        self._sha256.update(data)
        self.size += len(data)

    def finish(self) -> None:
        """Verify, make durable, move into place; raises `ModelFileError` and forgets it all when it is damaged."""
        found = self._sha256.hexdigest()
        if self.size != self._ref.size_bytes or found != self._ref.sha256:
            self.discard()
            raise ModelFileError(
                f"{self._label()} arrived damaged: {self.size} of {self._ref.size_bytes} bytes, sha256 {found[:12]}… "
                f"instead of {self._ref.sha256[:12]}….",
                hint="What arrived was removed; sending it again starts from the beginning.",
            )
        _on_disk(self._partial, self._move)

    def discard(self) -> None:
        """Forget what was written."""
        self._opened.close()
        self._partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep what was written for the next try."""
        with self._closing:
            self._closed = True
            if self._stream is not None:
                _on_disk(self._partial, self._stream.close)

    @property
    def _opened(self) -> BinaryIO:
        if self._stream is None:
            raise RuntimeError("the upload has not been opened")
        return self._stream

    def _hash_what_is_there(self) -> None:
        self._opened.seek(0)
        while chunk := self._opened.read(CHUNK_BYTES):
            self._sha256.update(chunk)
            self.size += len(chunk)

    def _move(self) -> None:
        self._opened.flush()
        os.fsync(self._opened.fileno())
        self._opened.close()
        self._target.parent.mkdir(exist_ok=True)
        self._partial.replace(self._target)
        for folder in (self._target.parent, self._target.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _label(self) -> str:
        return f"Artifact {self._ref.name!r} ({self._ref.sha256[:12]}…)"


def _on_disk(path: Path, act: Callable[[], T]) -> T:
    """Carry out `act`; what the operating system refuses becomes a `StoreError` that names the path."""
    try:
        return act()
    except FarmError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"The disk that holds {path.parent} is full.",
                hint="Free some space and try again; what has arrived is kept and the upload goes on from there.",
            ) from error
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from error
