"""The spool: records of attempts, from the moment they are written until a coordinator has acknowledged them.

    write (durable)  ->  send  ->  ack  ->  forget
                          ^         |
                          └─ again ─┘  as often as the link breaks

One file per record: a header line with the sha256 of the rest, then the serialized `AttemptRecord`. A file that no
longer matches its header is moved to `damaged/` with a line in the log and never deleted: a person may still want it.

A full disk must not lose what is already here, nor keep the agent from saying that the disk is full. So the spool
holds a `reserve` of 64 KiB that it gives up for one last small record, and is `exhausted` until it could be made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from pathlib import Path

from google.protobuf.message import DecodeError

from devicefarm.v1 import attempt_pb2
from farm_agent.durable import TEMPORARY_SUFFIX, write_durably
from farm_agent.lease import Lease

__all__ = ["RESERVE_BYTES", "Spool"]

logger = logging.getLogger(__name__)

_HEADER = b"farm-agent-record 1 "
_SUFFIX = ".record"
RESERVE_BYTES = 64 * 1024
"""A record that shall be written from the reserve must be well below this."""


class Spool:
    """Records by lease, in the order in which they were written. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._damaged = folder / "damaged"
        self._damaged.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._paths: dict[Lease, Path] = {}
        self._next = 0
        self._load()
        self.exhausted = not self._make_reserve()

    def leases(self) -> list[Lease]:
        """What is held, oldest first."""
        with self._lock:
            return list(self._paths)

    def write(self, record: attempt_pb2.AttemptRecord) -> None:
        """Hold a record; when this returns it survives a power cut.

        Raises `OSError` when it could not be written; nothing that was held before is touched.
        """
        with self._lock:
            self._write(record)

    def write_from_reserve(self, record: attempt_pb2.AttemptRecord) -> None:
        """Hold a small record on a disk that is full, by giving up the reserve. Raises `OSError` like `write`."""
        with self._lock:
            self.exhausted = True
            with contextlib.suppress(FileNotFoundError):
                self._reserve.unlink()
            self._write(record)

    def replenish(self) -> bool:
        """Try to make the reserve anew; True when there is one, so that records can be written again."""
        with self._lock:
            if self.exhausted:
                self.exhausted = not self._make_reserve()
            return not self.exhausted

    def read(self, lease: Lease) -> attempt_pb2.AttemptRecord | None:
        """The record as it was written; None (and set aside) when it is damaged or gone."""
        with self._lock:
            path = self._paths.get(lease)
            if path is None:
                return None
            record = self._read(path)
            if record is None:
                del self._paths[lease]
            return record

    def forget(self, lease: Lease) -> bool:
        """Delete what was acknowledged; False when there was no such record."""
        with self._lock:
            path = self._paths.pop(lease, None)
            if path is None:
                return False
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return True

    @property
    def _reserve(self) -> Path:
        return self._folder / "reserve"

    def _make_reserve(self) -> bool:
        try:
            if not self._reserve.exists() or self._reserve.stat().st_size != RESERVE_BYTES:
                # Not zeroes: some file systems store those for nothing.
                write_durably(self._reserve, hashlib.sha256(b"reserve").digest() * (RESERVE_BYTES // 32))
        except OSError as error:
            logger.warning("the spool %s has no room: %s", self._folder, error.strerror or error)
            return False
        return True

    def _write(self, record: attempt_pb2.AttemptRecord) -> None:
        lease = Lease(record.job_id, record.fence)
        payload = record.SerializeToString()
        header = _HEADER + hashlib.sha256(payload).hexdigest().encode("ascii") + b"\n"
        # The number keeps the order, the rest is for people.
        path = self._folder / f"{self._next:012d}-{lease.file_name}{_SUFFIX}"
        write_durably(path, header + payload)
        self._next += 1
        self._paths[lease] = path

    def _load(self) -> None:
        for leftover in self._folder.glob("*" + TEMPORARY_SUFFIX):
            leftover.unlink()
        for path in sorted(self._folder.glob("*" + _SUFFIX)):
            with contextlib.suppress(ValueError):
                self._next = max(self._next, int(path.name.split("-", 1)[0]) + 1)
            record = self._read(path)
            if record is not None:
                self._paths[Lease(record.job_id, record.fence)] = path

    def _read(self, path: Path) -> attempt_pb2.AttemptRecord | None:
        try:
            header, _, payload = path.read_bytes().partition(b"\n")
            if header == _HEADER + hashlib.sha256(payload).hexdigest().encode("ascii"):
                return attempt_pb2.AttemptRecord.FromString(payload)
            why = "its checksum does not match"
        except DecodeError:
            why = "it is no attempt record"
        except OSError as error:
            why = error.strerror or str(error)
        self._set_aside(path, why)
        return None

    def _set_aside(self, path: Path, why: str) -> None:
        """Out of the way, but not out of the world."""
        kept = self._damaged / path.name
        logger.error("a spooled record is damaged (%s); the job will be run again. It is kept as %s", why, kept)
        try:
            path.replace(kept)
        except OSError as error:
            logger.warning("it could not be moved there: %s", error.strerror or error)
