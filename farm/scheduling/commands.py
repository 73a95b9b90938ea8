"""What the scheduling core asks for. Each command carries the event that caused it.

Commands to the store (`Claim`, `Settle`, `Expire`, `FinishQueued`, `SetHealth`) become true only when their
transaction is committed; commands to agents (`SendAssign`, `SendCancel`, `Ack`) are sent at once. The core asks for a
`SendAssign` only after it heard `ClaimCommitted`, and for an `Ack` only after `SettleCommitted`: nothing is said to
a board that the database does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import BoardHealth
from farm.scheduling.events import Event

__all__ = [
    "Ack",
    "Claim",
    "Command",
    "Expire",
    "Finish",
    "FinishQueued",
    "Requeue",
    "SendAssign",
    "SendCancel",
    "SetHealth",
    "Settle",
]


@dataclass(frozen=True)
class Finish:
    """The job is over."""

    outcome: Outcome
    error_kind: ErrorKind | None = None
    error: str = ""


@dataclass(frozen=True)
class Requeue:
    """The job goes back to the queue; `blames_board` adds the board to those that the job avoids.

    `counts` is False where the attempt was given back unfinished for no fault of anybody's: it uses none of the job's
    attempts up.
    """

    error_kind: ErrorKind
    error: str
    blames_board: bool = False
    counts: bool = True


Disposition = Union[Finish, Requeue]


@dataclass(frozen=True)
class Claim:
    """Store: `UPDATE … SET state='leased', fence=:fence WHERE id=:job AND state='queued' AND fence=:fence - 1`."""

    cause: Event
    lease: Lease
    board_id: str
    attempt: int


@dataclass(frozen=True)
class Settle:
    """Store: record what arrived, if the fence still holds and the job is leased; finish or requeue the job."""

    cause: Event
    lease: Lease
    board_id: str
    disposition: Disposition


@dataclass(frozen=True)
class Expire:
    """Store: the lease ran out or the agent gave it up; there is no record. The fence stays, so a late one is stale."""

    cause: Event
    lease: Lease
    board_id: str
    disposition: Disposition


@dataclass(frozen=True)
class FinishQueued:
    """Store: end a job that nobody holds (cancelled, or no board can run it any more)."""

    cause: Event
    job_id: str
    finish: Finish


@dataclass(frozen=True)
class SetHealth:
    """Store: a board's health changed, with the evidence in words."""

    cause: Event
    board_id: str
    health: BoardHealth
    evidence: str


@dataclass(frozen=True)
class SendAssign:
    """Agent: carry this job out."""

    cause: Event
    board_id: str
    lease: Lease
    attempt: int


@dataclass(frozen=True)
class SendCancel:
    """Agent: stop this attempt, restore the board, report what there is."""

    cause: Event
    board_id: str
    lease: Lease
    reason: str


@dataclass(frozen=True)
class Ack:
    """Agent: this record is durable (`recorded`), was so already (`duplicate`), or is not wanted (`stale`)."""

    cause: Event
    board_id: str
    lease: Lease
    recorded: bool
    duplicate: bool = False


Command = Union[Claim, Settle, Expire, FinishQueued, SetHealth, SendAssign, SendCancel, Ack]
