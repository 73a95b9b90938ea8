"""What can be written to the store, as values. `Store.apply` takes many and makes them one transaction.

Each says under which condition it holds; one whose condition no longer holds changes no row and is answered
`STALE` or `DUPLICATE`, and the others of the transaction are not disturbed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Union

from farm.model.attempt import AttemptRecord, Lease
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.model.result import Summary
from farm.scheduling.commands import Disposition, Finish

__all__ = [
    "BoardStateWrite",
    "BoardWrite",
    "ClaimWrite",
    "ExpireWrite",
    "FinishWrite",
    "HealthWrite",
    "IntentWrite",
    "SettleWrite",
    "Write",
    "WriteResult",
]


class WriteResult(enum.Enum):
    ACCEPTED = "accepted"
    STALE = "stale"
    """The job is not leased under this fence to this board (any more), or not queued (any more), or there is no such
    job or board: nothing was changed."""
    DUPLICATE = "duplicate"
    """This very write holds already: the record of this fence is stored, or the board has the job under this fence.
    Nothing was changed. So a transaction whose answer was lost can be sent again."""


@dataclass(frozen=True)
class ClaimWrite:
    """queued, fence - 1 -> leased, fence; opens an attempt row."""

    lease: Lease
    board_id: str
    attempt: int


@dataclass(frozen=True)
class SettleWrite:
    """leased, fence -> finished or queued; closes the attempt, stores everything the record holds.

    The result row (with `summary`) is written only where the disposition is `Finish(PASSED)`.
    """

    record: AttemptRecord
    disposition: Disposition
    summary: Summary | None = None


@dataclass(frozen=True)
class ExpireWrite:
    """leased, fence -> finished or queued, without a record; closes the attempt as `lost`."""

    lease: Lease
    board_id: str
    disposition: Disposition


@dataclass(frozen=True)
class FinishWrite:
    """queued -> finished: cancelled, or no board can run it any more. `actor` is who asked; empty: the gateway."""

    job_id: str
    finish: Finish
    actor: str = ""


@dataclass(frozen=True)
class BoardWrite:
    """A board attached: who it is and what was detected. Health and intent stay as they are."""

    board: Board
    state: BoardState


@dataclass(frozen=True)
class BoardStateWrite:
    board_id: str
    state: BoardState


@dataclass(frozen=True)
class HealthWrite:
    board_id: str
    health: BoardHealth
    evidence: str


@dataclass(frozen=True)
class IntentWrite:
    """What the operator wants of a board; `actor` is who asked, empty: the gateway."""

    board_id: str
    intent: BoardIntent
    reason: str
    actor: str = ""


Write = Union[ClaimWrite, SettleWrite, ExpireWrite, FinishWrite, BoardWrite, BoardStateWrite, HealthWrite, IntentWrite]
