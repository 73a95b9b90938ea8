"""Whose fault a failed attempt was, and so whether the job is tried again.

| what ended the attempt                         | then                                                              |
|---|---|
| passed, failed, unsupported                    | the job is finished with it, even when a cancel was on its way     |
| cancelled, on request or for the job's sake    | finished: cancelled                                               |
| cancelled because the agent is asked to stop   | queued again, as if it had not been tried                         |
| cancelled otherwise by agent, board, …         | as an error of that kind                                          |
| error, the job's                               | finished: failed; trying again would not help                     |
| error, the board's or infrastructure's         | queued again, away from that board; the second board: failed       |
| error, the agent's or the farm's; lease lost   | queued again                                                      |
| any of these with the attempts used up         | finished: error; lost where there was no record                   |
| any of these after a cancel                    | finished: cancelled                                               |

A job that fails on two boards is to blame itself. The attempts are used up after `max_attempts`, but not before a
second board had a try where there is one.

`Case` holds what the judgement needs; everything here is pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from farm.model.attempt import ErrorKind, Outcome
from farm.scheduling.commands import Disposition, Finish, Requeue

__all__ = ["Case", "blames_board", "judge_lost", "judge_record"]


@dataclass(frozen=True)
class Case:
    """An attempt that ended. `attempts` counts it; so do `tried_boards`. `another_board` is one that serves now, may
    run the job and has not tried it."""

    board_id: str
    attempts: int
    max_attempts: int
    failed_boards: tuple[str, ...] = ()
    tried_boards: tuple[str, ...] = ()
    another_board: bool = False
    cancel_reason: str | None = None


def blames_board(kind: ErrorKind | None) -> bool:
    """Whether a fault of this kind speaks against the board.

    >>> blames_board(ErrorKind.BOARD), blames_board(ErrorKind.AGENT)
    (True, False)
    """
    return kind is ErrorKind.BOARD or kind is ErrorKind.INFRASTRUCTURE


def judge_record(case: Case, outcome: Outcome, kind: ErrorKind | None, error: str) -> Disposition:
    """What a record makes of its job.

    >>> judge_record(Case("b1", attempts=1, max_attempts=3), Outcome.ERROR, ErrorKind.BOARD, "no clock")
    Requeue(error_kind=<ErrorKind.BOARD: 'board'>, error='no clock', blames_board=True, counts=True)
    """
    if outcome is Outcome.PASSED:
        return Finish(Outcome.PASSED)
    if outcome is Outcome.FAILED or outcome is Outcome.UNSUPPORTED:
        return Finish(outcome, kind or ErrorKind.JOB, error)
    if case.cancel_reason is not None:
        return Finish(Outcome.CANCELLED, kind, case.cancel_reason)
    if outcome is Outcome.CANCELLED and (kind is None or kind is ErrorKind.JOB):
        return Finish(Outcome.CANCELLED, kind, error)
    if outcome is Outcome.CANCELLED and kind is ErrorKind.AGENT:
        # Ctrl-C and a drain are no fault: a job can be interrupted any number of times.
        return Requeue(kind, error, counts=False)
    if kind is ErrorKind.JOB:
        return Finish(Outcome.FAILED, kind, error)
    return _again(case, kind or ErrorKind.AGENT, error, Outcome.ERROR)


def judge_lost(case: Case, kind: ErrorKind, error: str) -> Disposition:
    """What becomes of a job whose attempt left no record.

    >>> judge_lost(Case("b1", attempts=3, max_attempts=3), ErrorKind.AGENT, "its agent died").error
    'after 3 attempts: its agent died'
    """
    if case.cancel_reason is not None:
        return Finish(Outcome.CANCELLED, None, case.cancel_reason)
    return _again(case, kind, error, Outcome.LOST)


def _again(case: Case, kind: ErrorKind, error: str, used_up: Outcome) -> Disposition:
    blamed = blames_board(kind) and used_up is Outcome.ERROR
    if blamed:
        failed = sorted({*case.failed_boards, case.board_id})
        if len(failed) > 1:
            return Finish(
                Outcome.FAILED,
                ErrorKind.JOB,
                f"it failed on two boards ({', '.join(failed)}), so the job is to blame; the last time with: {error}",
            )
    enough_boards = len(case.tried_boards) > 1 or not case.another_board
    if (case.attempts >= case.max_attempts and enough_boards) or case.attempts >= 2 * case.max_attempts:
        return Finish(used_up, kind, f"after {case.attempts} attempts: {error}")
    last_chance = case.attempts >= case.max_attempts - 1 and not enough_boards
    return Requeue(kind, error, blames_board=blamed or last_chance)
