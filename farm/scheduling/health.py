"""What the ends of jobs say about boards, and what an operator's word does to a quarantine."""

from __future__ import annotations

from collections.abc import Mapping

from farm.model.attempt import ErrorKind, Outcome
from farm.model.board import BoardHealth
from farm.scheduling.blame import blames_board
from farm.scheduling.commands import Disposition, Finish, SetHealth
from farm.scheduling.events import Event, RecordArrived
from farm.scheduling.slots import BoardSlot, JobSlot

__all__ = ["judge_board", "pardon"]

_SPEAKS_FOR_THE_BOARD = frozenset({Outcome.PASSED, Outcome.FAILED})


def judge_board(
    boards: Mapping[str, BoardSlot], slot: JobSlot, event: RecordArrived, disposition: Disposition
) -> SetHealth | None:
    """Count how the job ended on its board; returns the change of health that follows, if one does.

    A fault that the job is to blame for in the end counts against none of the boards that it failed on.
    """
    board = boards.get(slot.board_id)
    if board is None or board.health is BoardHealth.QUARANTINED:
        return None
    job_id = slot.job.job_id
    fault = ""
    if event.outcome is Outcome.ERROR and blames_board(event.error_kind):
        if isinstance(disposition, Finish) and disposition.error_kind is ErrorKind.JOB:
            for board_id in slot.failed_boards:
                if board_id in boards:
                    boards[board_id].breaker.forgive(job_id)
            return None
        fault = event.error or "no reason given"
    elif event.outcome not in _SPEAKS_FOR_THE_BOARD:
        return None
    evidence = board.breaker.count(job_id, fault)
    if evidence:
        return _set(board, BoardHealth.QUARANTINED, evidence, event)
    if board.breaker.half_open:
        board.breaker.close(half_open=False)
        return _set(board, BoardHealth.GOOD, f"job {job_id} ended well on it after it was enabled again", event)
    return None


def pardon(board: BoardSlot, event: Event) -> SetHealth | None:
    """An operator enabled the board: a quarantine ends, and the next job decides."""
    if board.health is not BoardHealth.QUARANTINED:
        return None
    board.breaker.close(half_open=True)
    return _set(board, BoardHealth.UNKNOWN, "enabled again by its operator; its next job decides", event)


def _set(board: BoardSlot, health: BoardHealth, evidence: str, event: Event) -> SetHealth:
    board.health = health
    return SetHealth(event, board.board.board_id, health, evidence)
