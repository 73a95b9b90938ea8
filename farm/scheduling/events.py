"""What the scheduling core is told. Each event carries `now`, seconds on the coordinator's monotonic clock.

The core never reads a clock, a socket or a database: whoever hosts it translates the world into these, in the order
in which things became true. An agent's clock is never among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import Board, BoardHealth, BoardIntent
from farm.model.job import Job

__all__ = [
    "BoardAttached",
    "BoardChanged",
    "BoardDetached",
    "BoardReady",
    "CancelRequested",
    "ClaimCommitted",
    "Event",
    "Heartbeat",
    "IntentChanged",
    "RebootAnnounced",
    "RecordArrived",
    "RunSubmitted",
    "SettleCommitted",
    "Tick",
]


@dataclass(frozen=True)
class RunSubmitted:
    """Jobs that are in the store: new ones, or at a start all unfinished ones, leases re-armed in full."""

    now: float
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class BoardAttached:
    """A board came on a new stream of its agent; `running` and `spooled` are what the agent says it holds of it.

    Whatever was promised to an earlier stream is void: its credit, and a claim that is on its way.
    """

    now: float
    board: Board
    health: BoardHealth = BoardHealth.UNKNOWN
    intent: BoardIntent = BoardIntent.ENABLED
    running: tuple[Lease, ...] = ()
    spooled: tuple[Lease, ...] = ()


@dataclass(frozen=True)
class BoardChanged:
    """An attached board said something new of itself; its credit and its leases stay as they are."""

    now: float
    board: Board


@dataclass(frozen=True)
class BoardDetached:
    """The stream ended. Its leases stay until they run out: the board may be working on without a link."""

    now: float
    board_id: str


@dataclass(frozen=True)
class BoardReady:
    """One credit: the board takes one job."""

    now: float
    board_id: str


@dataclass(frozen=True)
class Heartbeat:
    """The agent is alive and these leases are worked on; each is renewed in full."""

    now: float
    board_id: str
    running: tuple[Lease, ...]


@dataclass(frozen=True)
class ClaimCommitted:
    """The store's answer to a `Claim`: `accepted` is False when somebody else had the job."""

    now: float
    lease: Lease
    accepted: bool


@dataclass(frozen=True)
class RecordArrived:
    """A record came in from a board's spool; nothing is durable yet."""

    now: float
    lease: Lease
    board_id: str
    outcome: Outcome
    error_kind: ErrorKind | None = None
    error: str = ""


@dataclass(frozen=True)
class SettleCommitted:
    """The store's answer to a `Settle`: the record is durable (`accepted`), or it was a stale or duplicate one."""

    now: float
    lease: Lease
    accepted: bool
    duplicate: bool = False


@dataclass(frozen=True)
class RebootAnnounced:
    """The attempt needs the board rebooted: no heartbeat will come until it is back, and the lease is longer."""

    now: float
    lease: Lease
    board_id: str


@dataclass(frozen=True)
class CancelRequested:
    now: float
    job_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class IntentChanged:
    now: float
    board_id: str
    intent: BoardIntent


@dataclass(frozen=True)
class Tick:
    """Time passed: leases may have run out. Sent at least once a second."""

    now: float


Event = Union[
    RunSubmitted,
    BoardAttached,
    BoardChanged,
    BoardDetached,
    BoardReady,
    Heartbeat,
    ClaimCommitted,
    RecordArrived,
    SettleCommitted,
    RebootAnnounced,
    CancelRequested,
    IntentChanged,
    Tick,
]
