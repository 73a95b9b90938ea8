"""The audit log: every change of a job, a run, a board or an epoch, written in the transaction of the change.

One row per transition, so a job's rows are its whole life, in order (`farm.store.invariants` replays them). A board
turning idle or busy has no row of its own: the claim and the settlement beside it say so already.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypedDict

from farm.store.sanitise import plain

__all__ = ["AuditKind", "AuditRow", "AuditTrail"]


class AuditKind(enum.Enum):
    EPOCH = "epoch"
    """A gateway took a shard."""
    SUBMITTED = "submitted"
    """A run came in."""
    QUEUED = "queued"
    """A job of it was queued. One that no board can run is `finished` at once instead."""
    CLAIMED = "claimed"
    REQUEUED = "requeued"
    GIVEN_BACK = "given-back"
    """Its agent was asked to stop: the job is queued again, and the attempt does not count."""
    FINISHED = "finished"
    RUN_FINISHED = "run-finished"
    """Its last job is finished."""
    BOARD_ADDED = "board-added"
    BOARD_CHANGED = "board-changed"
    """It attached with other facts than it had."""
    BOARD_STATE = "board-state"
    """It came, went, or reboots."""
    HEALTH = "health"
    INTENT = "intent"


class AuditRow(TypedDict):
    """The columns of one row; its number is the database's."""

    at_unix_s: float
    epoch: int | None
    actor: str
    kind: str
    run_id: str | None
    job_no: int | None
    board_id: str | None
    fence: int | None
    detail: str


@dataclass(frozen=True)
class AuditTrail:
    """Makes the rows of one transaction: the same moment, epoch and, unless said otherwise, actor."""

    at_unix_s: float
    epoch: int | None
    actor: str

    def stamp(self) -> dict[str, float | int | str | None]:
        """What every row of it shares."""
        return {"at_unix_s": self.at_unix_s, "epoch": self.epoch, "actor": self.actor}

    def row(
        self,
        kind: AuditKind,
        *,
        run_id: str | None = None,
        job_no: int | None = None,
        board_id: str | None = None,
        fence: int | None = None,
        detail: str = "",
        actor: str = "",
    ) -> AuditRow:
        return AuditRow(
            at_unix_s=self.at_unix_s,
            epoch=self.epoch,
            actor=plain(actor) or self.actor,
            kind=kind.value,
            run_id=run_id,
            job_no=job_no,
            board_id=board_id,
            fence=fence,
            detail=plain(detail),
        )
