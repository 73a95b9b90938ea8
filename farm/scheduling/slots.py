"""What the core keeps of each job and each board. The only mutable state of scheduling, changed by `core` alone.

A job that is not finished stands in one of four places:

    QUEUED ──Claim──> CLAIMING ──ClaimCommitted──> LEASED ──RecordArrived──> SETTLING ──SettleCommitted──> finished
       ^                 │                           │                          │
       └─────────────────┴── given back unsent       └── lease ran out, lost    └── a fault not its own
"""

from __future__ import annotations

import enum

from farm.model.attempt import Lease
from farm.model.board import Board, BoardHealth, BoardIntent
from farm.model.job import Job, JobState
from farm.scheduling.breaker import Breaker

__all__ = ["BoardSlot", "JobSlot", "Stage"]


class Stage(enum.Enum):
    QUEUED = "queued"
    CLAIMING = "claiming"
    """A claim is on its way to the store; no board knows of it."""
    LEASED = "leased"
    SETTLING = "settling"
    """A record is on its way to the store; the lease can't run out any more."""


class JobSlot:
    """An unfinished job. `attempts` are those that have ended; times are the coordinator's monotonic seconds."""

    __slots__ = (
        "attempts",
        "board_id",
        "cancel_reason",
        "deadline",
        "failed_boards",
        "fence",
        "first_try_there",
        "hard_stop",
        "job",
        "lease",
        "session",
        "stage",
        "tried_boards",
    )

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stage = Stage.LEASED if job.state is JobState.LEASED else Stage.QUEUED
        self.fence = job.fence
        self.attempts = job.attempts
        self.failed_boards = job.failed_boards
        self.tried_boards: tuple[str, ...] = job.failed_boards
        self.cancel_reason: str | None = None
        self.board_id = ""
        self.first_try_there = False
        self.lease: Lease | None = None
        self.session = 0
        self.deadline = 0.0
        self.hard_stop = 0.0

    def hold(self, board_id: str, lease: Lease) -> None:
        """The lease is this board's."""
        self.board_id = board_id
        self.lease = lease
        self.first_try_there = board_id not in self.tried_boards
        if self.first_try_there:
            self.tried_boards += (board_id,)

    def release(self, *, counts: bool = True) -> None:
        """Nobody holds it; the attempt is over, or, where it does not count, has never been."""
        if counts:
            self.attempts += 1
        elif self.first_try_there:
            self.tried_boards = tuple(board_id for board_id in self.tried_boards if board_id != self.board_id)
        self.board_id = ""
        self.lease = None
        self.stage = Stage.QUEUED


class BoardSlot:
    """A board that has attached at least once since the core was made.

    `session` counts its attachments: what was promised to an earlier one is void. `lease` is the newest it was given;
    the one before may still be on its way into the store.
    """

    __slots__ = (
        "attached",
        "board",
        "breaker",
        "credit",
        "health",
        "intent",
        "lease",
        "rebooting",
        "session",
    )

    def __init__(self, board: Board, health: BoardHealth, breaker: Breaker) -> None:
        self.board = board
        self.health = health
        self.breaker = breaker
        self.intent = BoardIntent.ENABLED
        self.attached = False
        self.credit = False
        self.rebooting = False
        self.session = 0
        self.lease: Lease | None = None

    @property
    def serves(self) -> bool:
        """Whether it is here, wanted and trusted, be it busy or not."""
        return self.attached and self.intent is BoardIntent.ENABLED and self.health is not BoardHealth.QUARANTINED

    def begin_session(self) -> None:
        """It attached: a new stream, no credit yet, and a reboot is over."""
        self.end_session()
        self.attached = True
        self.rebooting = False

    def end_session(self) -> None:
        """Its stream ended. A reboot may be the reason, and goes on."""
        self.session += 1
        self.attached = False
        self.credit = False
