"""The thread of a board that works: carry an attempt out, hold its record in the spool, say that it is there."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Union

from devicefarm.v1 import attempt_pb2, gateway_pb2
from farm_agent.artifacts import ArtifactCache
from farm_agent.attempt import Attempt
from farm_agent.boards.base import Board
from farm_agent.journal import Journal
from farm_agent.lease import Lease
from farm_agent.light import give_memory_back
from farm_agent.spool import RESERVE_BYTES, Spool
from farm_agent.stop import StopSignal

__all__ = ["Finished", "PhaseEntered", "Progressed", "Worker", "WorkerEvent", "Workshop", "hold"]

logger = logging.getLogger(__name__)

_LARGE_BYTES = 1 << 20


@dataclass(frozen=True)
class PhaseEntered:
    """An attempt is in another phase, or has something new to say about it."""

    lease: Lease
    phase: attempt_pb2.Phase
    note: str


@dataclass(frozen=True)
class Progressed:
    """How far an attempt is, 0 to 1."""

    lease: Lease
    fraction: float
    note: str


@dataclass(frozen=True)
class Finished:
    """An attempt is over and its record is in the spool; `unrestored` says why the board is not itself, if so.

    `unspooled` is the record when even the spool's reserve could not hold it.
    """

    lease: Lease
    board_id: str
    unrestored: str
    unspooled: attempt_pb2.AttemptRecord | None


WorkerEvent = Union[PhaseEntered, Progressed, Finished]


@dataclass(frozen=True)
class Workshop:
    """What all workers of an agent share."""

    spool: Spool
    journal: Journal
    artifacts: ArtifactCache
    work: Path


class Worker:
    """One attempt on one board, on a thread of its own. `post` is called from that thread."""

    def __init__(
        self, assign: gateway_pb2.Assign, board: Board, workshop: Workshop, post: Callable[[WorkerEvent], None]
    ) -> None:
        self.lease = Lease(assign.job.job_id, assign.fence)
        self.board_id = assign.board_id
        self.stop = StopSignal()
        self.last_phase: PhaseEntered | None = None
        self._assign = assign
        self._board = board
        self._workshop = workshop
        self._post = post
        self._thread = threading.Thread(target=self._work, name=f"farm-agent-{self.board_id[:24]}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the attempt."""
        self._thread.join(timeout_s)

    def phase_changed(self, phase: attempt_pb2.Phase, note: str) -> None:
        self.last_phase = PhaseEntered(self.lease, phase, note)
        self._post(self.last_phase)

    def progressed(self, fraction: float, note: str) -> None:
        self._post(Progressed(self.lease, fraction, note))

    def _work(self) -> None:
        with self._workshop.artifacts.borrow(self.stop) as borrower:
            attempt = Attempt(
                self._assign,
                self._board,
                fetch=borrower.fetch,
                journal=self._workshop.journal,
                work=self._workshop.work / self.lease.file_name,
                stop=self.stop,
                listener=self,
            )
            record = attempt.carry_out()
        unspooled = hold(self._workshop.spool, record)
        if record.ByteSize() > _LARGE_BYTES:
            give_memory_back()
        logger.info(
            "attempt %s on %s: %s in %.1f s",
            self.lease,
            self.board_id,
            attempt_pb2.Outcome.Name(record.outcome)[len("OUTCOME_") :].lower(),
            record.duration_s,
        )
        self._post(Finished(self.lease, self.board_id, attempt.unrestored, unspooled))


def hold(spool: Spool, record: attempt_pb2.AttemptRecord) -> attempt_pb2.AttemptRecord | None:
    """Spool a record, or, on a full disk, one that says so; that one itself when not even it could be held."""
    try:
        spool.write(record)
    except OSError as error:
        why = error.strerror or str(error)
    else:
        return None
    logger.error("the record of attempt %s#%d cannot be spooled: %s", record.job_id[:12], record.fence, why)
    small = record if record.ByteSize() <= RESERVE_BYTES // 2 else _full_disk_record(record, why)
    try:
        spool.write_from_reserve(small)
    except OSError:
        return small
    return None


def _full_disk_record(record: attempt_pb2.AttemptRecord, why: str) -> attempt_pb2.AttemptRecord:
    """What is left to say of an attempt whose samples have no room."""
    return attempt_pb2.AttemptRecord(
        job_id=record.job_id,
        fence=record.fence,
        board_id=record.board_id,
        attempt=record.attempt,
        outcome=attempt_pb2.OUTCOME_ERROR,
        error_kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
        error=f"What was measured could not be written to the board's disk ({why}). Make room on the board; it takes "
        "no jobs until there is some.",
        phases=record.phases,
        started_unix_s=record.started_unix_s,
        duration_s=record.duration_s,
    )
