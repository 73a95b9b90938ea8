"""Files by their content: the cache of what was fetched, and the way of large columns to the coordinator.

    artifacts/<sha256>           whole and verified
    artifacts/partial/<sha256>   as far as it came; a later fetch goes on from its end

A file is verified after its last byte, never before: a stream that ends early leaves a good partial file. One whose
digest is wrong is removed and fetched once more from the start; a second time is an `ArtifactError`. A cached file is
verified again at its first use by each agent and whenever its size or date changed: cards rot.

The cache has a size limit. What was not used for longest goes first; what a running attempt uses never goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from devicefarm.v1 import artifact_pb2, job_pb2
from farm_agent.errors import ArtifactError, CancelledError
from farm_agent.stop import StopSignal

__all__ = ["ArtifactCache", "Borrower", "Source", "TransferBrokenError"]

logger = logging.getLogger(__name__)

_READ_BYTES = 1 << 20
_PATIENCE_S = 120.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0


class TransferBrokenError(Exception):
    """The stream ended early; what came is kept and it can go on."""


class Source(Protocol):
    """Where files come from: `devicefarm.v1.ArtifactService.Fetch`."""

    def fetch(self, sha256: str, offset: int, stop: StopSignal) -> Iterator[artifact_pb2.FetchResponse]:
        """Chunks from `offset` on. Raises `TransferBrokenError`, or `ArtifactError` when asking again won't help."""
        ...


class ArtifactCache:
    """All files of a state folder. Safe to use from several threads; one file is fetched by one of them at a time."""

    def __init__(self, folder: Path, limit_bytes: int, source: Source, patience_s: float = _PATIENCE_S) -> None:
        self._folder = folder
        self._partial = folder / "partial"
        self._partial.mkdir(parents=True, exist_ok=True)
        self._limit_bytes = limit_bytes
        self._source = source
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._in_use: Counter[str] = Counter()
        self._fetching: dict[str, threading.Lock] = {}
        self._verified: dict[str, tuple[int, int]] = {}

    @contextlib.contextmanager
    def borrow(self, stop: StopSignal) -> Iterator[Borrower]:
        """What is fetched inside stays until the end of the block."""
        borrower = Borrower(self, stop)
        try:
            yield borrower
        finally:
            with self._lock:
                self._in_use.subtract(borrower.held)

    def get(self, artifact: job_pb2.ArtifactRef, borrower: Borrower) -> Path:
        """The path of a file, fetched if need be. Raises `ArtifactError`, `CancelledError`, `OSError`."""
        sha256 = _checked_digest(artifact)
        with self._lock:
            self._in_use[sha256] += 1
            borrower.held[sha256] += 1
            one_at_a_time = self._fetching.setdefault(sha256, threading.Lock())
        with one_at_a_time:
            path = self._folder / sha256
            if not self._is_whole(path, sha256):
                self._make_room(artifact.size_bytes)
                self._fetch_verified(artifact, path, borrower.stop)
            status = path.stat()
            self._verified[sha256] = (status.st_size, status.st_mtime_ns)
            # The date of use, also where the file system keeps none (noatime).
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
            return path

    def _is_whole(self, path: Path, sha256: str) -> bool:
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        if self._verified.get(sha256) == (status.st_size, status.st_mtime_ns):
            return True
        if _digest_of(path) == sha256:
            return True
        logger.warning("the cached artifact %s is corrupt; removed", path)
        path.unlink()
        return False

    def _fetch_verified(self, artifact: job_pb2.ArtifactRef, path: Path, stop: StopSignal) -> None:
        partial = self._partial / artifact.sha256
        for what_next in ("it is fetched once more", ""):
            self._fetch(artifact, partial, stop)
            arrived = _digest_of(partial)
            if arrived == artifact.sha256:
                partial.replace(path)
                return
            partial.unlink()
            logger.warning("artifact %s came with the digest %s; removed. %s", artifact.sha256, arrived, what_next)
        raise ArtifactError(
            f"The file {artifact.name or artifact.sha256} came twice with another content than its digest "
            f"{artifact.sha256[:12]}… says.",
            hint="The coordinator's copy or the link is damaged: put the file again (submit the sweep again), and "
            "check the board's memory and card.",
        )

    def _fetch(self, artifact: job_pb2.ArtifactRef, partial: Path, stop: StopSignal) -> None:
        """Append to the partial file until it is complete, as long as now and then something comes."""
        pause_s, fruitless_s = _FIRST_PAUSE_S, 0.0
        while True:
            stop.raise_if_set()
            before = partial.stat().st_size if partial.exists() else 0
            if before > artifact.size_bytes:
                partial.unlink()
                before = 0
            try:
                self._append(artifact, partial, before, stop)
            except TransferBrokenError as broken:
                stop.raise_if_set()
                if partial.exists() and partial.stat().st_size > before:
                    pause_s, fruitless_s = _FIRST_PAUSE_S, 0.0
                if fruitless_s >= self._patience_s:
                    raise ArtifactError(
                        f"The file {artifact.name or artifact.sha256} could not be fetched for {fruitless_s:.0f} s: "
                        f"{broken}",
                        hint="The job will be tried again; check the board's link to the coordinator.",
                    ) from broken
                if stop.wait(pause_s):
                    raise CancelledError(stop.reason) from broken
                fruitless_s += pause_s
                pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)
            else:
                return

    def _append(self, artifact: job_pb2.ArtifactRef, partial: Path, offset: int, stop: StopSignal) -> None:
        with partial.open("ab") as file:
            for chunk in self._source.fetch(artifact.sha256, offset, stop):
                if chunk.offset != offset:
                    raise TransferBrokenError(f"a chunk for byte {chunk.offset} came where {offset} was due")
                file.write(chunk.data)
                offset += len(chunk.data)
                if offset > artifact.size_bytes:
                    # Left to the check of the digest, which will remove it.
                    break
                if chunk.last:
                    break
            else:
                raise TransferBrokenError("the stream ended before the last chunk")
            file.flush()
            os.fsync(file.fileno())

    def _make_room(self, wanted_bytes: int) -> None:
        """Evict until `wanted_bytes` more fit. Raises `ArtifactError` when what is in use leaves no room."""
        with self._lock:
            held = []
            for path in (*self._folder.iterdir(), *self._partial.iterdir()):
                if path.is_file():
                    status = path.stat()
                    held.append((status.st_atime_ns, status.st_size, path))
            total_bytes = sum(size for _, size, _ in held)
            for _, size, path in sorted(held):
                if total_bytes + wanted_bytes <= self._limit_bytes:
                    return
                if self._in_use[path.name] > 0:
                    continue
                logger.info("artifact %s makes room for another", path.name)
                path.unlink()
                self._verified.pop(path.name, None)
                total_bytes -= size
            if total_bytes + wanted_bytes > self._limit_bytes:
                raise ArtifactError(
                    f"A file of {wanted_bytes:,} bytes does not fit into the artifact cache: it may hold "
                    f"{self._limit_bytes:,} bytes and running attempts use {total_bytes:,}.",
                    hint="Start the agent with a larger --cache-limit.",
                )


class Borrower:
    """What one attempt uses of the cache."""

    def __init__(self, cache: ArtifactCache, stop: StopSignal) -> None:
        self._cache = cache
        self.stop = stop
        self.held: Counter[str] = Counter()

    def fetch(self, artifact: job_pb2.ArtifactRef) -> Path:
        """The path of a file; it stays there while this attempt runs."""
        return self._cache.get(artifact, self)


def _checked_digest(artifact: job_pb2.ArtifactRef) -> str:
    """The digest becomes a file name, so it must be one."""
    if len(artifact.sha256) != 64 or not set(artifact.sha256) <= set("0123456789abcdef"):
        raise ArtifactError(f"{artifact.sha256!r} is no sha256 in lower-case hexadecimal digits.")
    return artifact.sha256


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
