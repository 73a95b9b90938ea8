"""What the coordinator says of the present: boards, jobs and itself, as they stand at this moment.

A cache of the store and of what the agents last said, made for people who watch. History is asked of the store.
"""

from __future__ import annotations

from dataclasses import dataclass

from farm.model.attempt import ErrorKind, Lease, Outcome, Phase
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.model.job import JobSpec, JobState

__all__ = ["BoardStatus", "FarmStatus", "JobChange", "Submitted", "WatchUpdate"]


@dataclass(frozen=True)
class BoardStatus:
    """A board and its three columns. `lease` is what it works on, None when it is free."""

    board: Board
    state: BoardState
    health: BoardHealth
    intent: BoardIntent
    lease: Lease | None = None


@dataclass(frozen=True)
class FarmStatus:
    """The coordinator. `trouble` says why nothing can be recorded now; empty when all is well."""

    coordinator_id: str
    version: str
    epoch: int
    pid: int
    database_url: str
    uptime_s: float
    jobs_queued: int
    jobs_leased: int
    host: str
    boards: tuple[BoardStatus, ...] = ()
    trouble: str = ""

    @property
    def boards_attached(self) -> int:
        return sum(1 for board in self.boards if board.state is not BoardState.OFFLINE)


@dataclass(frozen=True)
class JobChange:
    """The state of one job now; it replaces what was known before. `spec` comes with the snapshot only.

    `fraction` (0 to 1) and `note` are the agent's own estimate of how far the attempt is.
    """

    job_id: str
    state: JobState
    outcome: Outcome | None = None
    error_kind: ErrorKind | None = None
    error: str = ""
    board_id: str = ""
    attempt: int = 0
    phase: Phase | None = None
    fraction: float = 0.0
    note: str = ""
    spec: JobSpec | None = None


@dataclass(frozen=True)
class WatchUpdate:
    """What changed in a run since the last update; the first one (`snapshot`) holds every job and board."""

    changes: tuple[JobChange, ...] = ()
    boards: tuple[BoardStatus, ...] = ()
    snapshot: bool = False
    finished: bool = False
    remaining_s: float = 0.0


@dataclass(frozen=True)
class Submitted:
    """What became of a submission. `created` is False when the run was there already."""

    run_id: str
    created: bool
    jobs: int
    unsupported: int
