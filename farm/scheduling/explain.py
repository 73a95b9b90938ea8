"""What the core says to people: where a board stands, what a job waits for, how long it will take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from farm.model.attempt import Lease
from farm.model.board import BoardHealth, BoardIntent, BoardState
from farm.scheduling.order import Queue
from farm.scheduling.policy import Policy
from farm.scheduling.slots import BoardSlot, JobSlot, Stage

__all__ = ["BoardView", "remaining_s", "view_board", "why", "why_lost"]


@dataclass(frozen=True)
class BoardView:
    """The three columns of a board; `lease` is what it works on."""

    board_id: str
    state: BoardState
    health: BoardHealth
    intent: BoardIntent
    lease: Lease | None = None


def view_board(board_id: str, board: BoardSlot | None) -> BoardView:
    """A board as people see it; one that never attached (None) is offline and unknown."""
    if board is None:
        return BoardView(board_id, BoardState.OFFLINE, BoardHealth.UNKNOWN, BoardIntent.ENABLED)
    if board.rebooting:
        state = BoardState.REBOOTING
    elif not board.attached:
        state = BoardState.OFFLINE
    else:
        state = BoardState.IDLE if board.lease is None else BoardState.BUSY
    return BoardView(board_id, state, board.health, board.intent, board.lease)


def why(job_id: str, job: JobSlot | None, boards: Mapping[str, BoardSlot], queue: Queue) -> str:
    """What a job waits for, in words."""
    if job is None:
        return f"Job {job_id} waits for nothing: it is finished, or not known to this coordinator."
    if job.stage is Stage.CLAIMING:
        return f"Job {job_id} is being given to board {job.board_id}."
    if job.stage is Stage.SETTLING:
        return f"Job {job_id} has ended on board {job.board_id}; its record is being stored."
    if job.stage is Stage.LEASED:
        stopping = f" It was asked to stop: {job.cancel_reason}." if job.cancel_reason is not None else ""
        return f"Job {job_id} runs on board {job.board_id}, attempt {job.attempts + 1}.{stopping}"
    reasons = [_reason(board_id, job, boards.get(board_id)) for board_id in job.job.board_ids]
    shown = reasons[:BOARDS_NAMED] + (
        [f"and {len(reasons) - BOARDS_NAMED} more boards"] if len(reasons) > BOARDS_NAMED else []
    )
    ahead = queue.ahead_of(job_id)
    order = f" Up to {ahead} jobs may go before it." if ahead else " It is next."
    return f"Job {job_id} waits for a board: {'; '.join(shown)}.{order}"


BOARDS_NAMED = 8
"""More than these in one sentence help nobody."""


def _reason(board_id: str, job: JobSlot, board: BoardSlot | None) -> str:
    if board is None or not board.attached:
        return f"{board_id} is rebooting" if board is not None and board.rebooting else f"{board_id} is offline"
    if board.health is BoardHealth.QUARANTINED:
        return f"{board_id} is quarantined"
    if board.intent is not BoardIntent.ENABLED:
        return f"{board_id} is {board.intent.value}"
    if board_id in job.failed_boards:
        return f"{board_id} failed it before and is the last choice"
    if board.lease is not None:
        return f"{board_id} works on job {board.lease.job_id}"
    return f"{board_id} is here but has not asked for a job"


def why_lost(job: JobSlot, board: BoardSlot | None, policy: Policy) -> str:
    """Why a lease ran out."""
    if job.deadline >= job.hard_stop:
        return (
            f"it ran beyond its limit of {job.job.spec.limits.attempt_s:g} s and board {job.board_id} did not stop it"
        )
    if board is not None and board.rebooting:
        return f"board {job.board_id} did not come back from a reboot within {policy.reboot_deadline_s:g} s"
    if board is not None and board.attached:
        return f"board {job.board_id} is attached but did not say for {policy.lease_s:g} s that it works on it"
    return f"board {job.board_id} was not heard of for {policy.lease_s:g} s"


def remaining_s(jobs: Iterable[JobSlot], boards: Mapping[str, BoardSlot], run_id: str | None) -> float:
    """The work of each job spread evenly over the boards that serve it, of the most loaded board; set-up is left out.

    A job that no board serves now counts as if all its boards did.
    """
    by_boards: dict[tuple[str, ...], float] = defaultdict(float)
    for slot in jobs:
        if run_id is None or slot.job.spec.run_id == run_id:
            by_boards[(slot.board_id,) if slot.board_id else slot.job.board_ids] += slot.job.estimate_s
    load_s: dict[str, float] = defaultdict(float)
    for board_ids, work_s in by_boards.items():
        serving = [board_id for board_id in board_ids if board_id in boards and boards[board_id].serves] or board_ids
        for board_id in serving:
            load_s[board_id] += work_s / len(serving)
    return max(load_s.values(), default=0.0)
