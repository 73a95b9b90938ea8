"""Taking a record in: from the message to what the store gets.

A record with content is converted, joined with the columns that were put as artifacts, and summarised on a thread: the
loop never waits for a disk or for numpy. What a board sent is measured work, so nothing is thrown away lightly; but a
record that cannot be understood must not be sent for ever either. If it says at least whose it is, it becomes an
`error` of the agent's, with the reason, and the job is tried again or ends so.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from dataclasses import dataclass

from devicefarm.v1 import attempt_pb2
from farm.coordinator.artifact_files import ArtifactFiles
from farm.errors import FarmError, StoreError, UnknownRunError, WireError
from farm.model.attempt import AttemptRecord, ErrorKind, Outcome
from farm.model.job import JobSpec
from farm.model.result import Summary
from farm.wire.attempt import from_record
from farm.wire.gateway import lease_of_record

__all__ = ["TakenRecord", "take_record"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TakenRecord:
    record: AttemptRecord
    summary: Summary | None = None


async def take_record(message: attempt_pb2.AttemptRecord, spec: JobSpec | None, files: ArtifactFiles) -> TakenRecord:
    """Raises `WireError` when not even the lease can be read, `StoreError` when the disk fails.

    `spec` is None for a job that is not known (any more); such a record is not summarised.
    """
    if message.launches or message.HasField("telemetry"):
        return await asyncio.to_thread(_take, message, spec, files)
    return _take(message, spec, files)


def _take(message: attempt_pb2.AttemptRecord, spec: JobSpec | None, files: ArtifactFiles) -> TakenRecord:
    try:
        record = from_record(message, files.read)
    except (WireError, UnknownRunError) as error:
        return _not_understood(message, error)
    if spec is None or record.outcome is not Outcome.PASSED or not record.launches:
        return TakenRecord(record)
    # numpy: not before the first record that needs it.
    from farm.analysis.summary import summarise

    try:
        return TakenRecord(record, summarise(record, spec))
    except (zlib.error, ValueError, ArithmeticError, FarmError) as error:
        if isinstance(error, StoreError):
            raise
        return _not_understood(message, WireError(f"record.launches cannot be summarised: {error}"))


def _not_understood(message: attempt_pb2.AttemptRecord, error: FarmError) -> TakenRecord:
    lease, board_id = lease_of_record(message)
    logger.warning("the record of %s#%d from %s is not understood: %s", lease.job_id, lease.fence, board_id, error)
    return TakenRecord(
        AttemptRecord(
            lease=lease,
            board_id=board_id,
            attempt=0,
            outcome=Outcome.ERROR,
            error_kind=ErrorKind.AGENT,
            error=f"The agent's record could not be understood: {error.message}",
        )
    )
