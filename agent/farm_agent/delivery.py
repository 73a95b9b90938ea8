"""Making a record small enough for a message, and the thread that does it while the session goes on.

A message may hold 4 MB (gRPC's default limit, kept). Columns over 512 KiB, and then the largest while the record is
still over 3 MiB, are put as artifacts; the record that is sent names them. The spooled one keeps them inline until the
ack, so a put can be repeated on any later connection.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Callable

from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.artifacts import TransferBrokenError
from farm_agent.connection import Connection
from farm_agent.errors import ArtifactError

__all__ = ["Uploader", "columns_to_put"]

logger = logging.getLogger(__name__)

_INLINE_COLUMN_BYTES = 512 * 1024
_INLINE_RECORD_BYTES = 3 * 1024 * 1024
_TRIES = 3
_PAUSE_S = 2.0


def columns_to_put(record: attempt_pb2.AttemptRecord) -> list[attempt_pb2.Column]:
    """The columns of this very record that must travel as artifacts, largest first; usually none."""
    size_bytes = record.ByteSize()
    chosen = []
    for column in sorted(_columns(record), key=lambda column: len(column.inline), reverse=True):
        if len(column.inline) <= _INLINE_COLUMN_BYTES and size_bytes <= _INLINE_RECORD_BYTES:
            break
        size_bytes -= len(column.inline)
        chosen.append(column)
    return chosen


def _columns(record: attempt_pb2.AttemptRecord) -> Iterator[attempt_pb2.Column]:
    for launch in record.launches:
        if launch.latency_ns.WhichOneof("content") == "inline":
            yield launch.latency_ns
    for series in record.telemetry.series:
        for column in (series.at_ns, series.values):
            if column.WhichOneof("content") == "inline":
                yield column


class Uploader:
    """Puts the large columns of records, one record after the other.

    `on_done(connection, record)` is called from its thread with the record that is to be sent; `on_failed(connection,
    why)` when the coordinator or the link did not take a column, which ends that connection.
    """

    def __init__(
        self,
        on_done: Callable[[Connection, attempt_pb2.AttemptRecord], None],
        on_failed: Callable[[Connection, str], None],
    ) -> None:
        self._on_done = on_done
        self._on_failed = on_failed
        self._queue: SimpleQueue[tuple[Connection, attempt_pb2.AttemptRecord]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, connection: Connection, record: attempt_pb2.AttemptRecord) -> None:
        """Take a record over; the uploader may change it."""
        self._queue.put((connection, record))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="farm-agent-uploader", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            connection, record = self._queue.get()
            if connection.ended.is_set():
                continue
            try:
                self._put_columns(connection, record)
            except (TransferBrokenError, ArtifactError) as error:
                self._on_failed(connection, str(error))
            else:
                self._on_done(connection, record)

    def _put_columns(self, connection: Connection, record: attempt_pb2.AttemptRecord) -> None:
        for column in columns_to_put(record):
            content = column.inline
            artifact = job_pb2.ArtifactRef(
                sha256=hashlib.sha256(content).hexdigest(),
                size_bytes=len(content),
                name=f"column of job {record.job_id[:12]}",
            )
            self._put(connection, content, artifact)
            column.artifact.CopyFrom(artifact)

    def _put(self, connection: Connection, content: bytes, artifact: job_pb2.ArtifactRef) -> None:
        for again in reversed(range(_TRIES)):
            try:
                connection.put(content, artifact)
            except TransferBrokenError as error:
                if not again or connection.ended.wait(_PAUSE_S):
                    raise
                logger.info("%s; trying again", error)
            else:
                return
