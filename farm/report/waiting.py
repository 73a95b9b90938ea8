"""What a job waits for, in words, as far as the database knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm.model.board import BoardHealth, BoardIntent, BoardState
from farm.model.job import Job, JobState
from farm.report.marking import marked_name
from farm.store.queries import BoardEntry

__all__ = ["what_it_waits_for"]

_MOST_BOARDS = 8


def what_it_waits_for(job: Job, jobs: Sequence[Job], boards: Mapping[str, BoardEntry], *, coordinated: bool) -> str:
    """Empty for a job that is over. `jobs` are those of its run, `coordinated` says whether a coordinator lives."""
    if job.state is JobState.FINISHED:
        return ""
    if not coordinated:
        return (
            "It waits for a coordinator, and none is up: go on with "
            f"`farm submit --resume {job.spec.run_id}`, or start one with `farm up`."
        )
    if job.state is JobState.LEASED:
        return f"It is being worked on, by {_name(job.board_id, boards)}."
    at_work = {other.board_id: other.job_id for other in jobs if other.state is JobState.LEASED}
    reasons = [_reason(board_id, job, boards, at_work) for board_id in job.board_ids]
    shown = reasons[:_MOST_BOARDS]
    if len(reasons) > _MOST_BOARDS:
        shown.append(f"and {len(reasons) - _MOST_BOARDS} more boards")
    queued = [other for other in jobs if other.state is JobState.QUEUED and other.job_id != job.job_id]
    rivals = sum(not set(other.board_ids).isdisjoint(job.board_ids) for other in queued)
    others = "another job of its run is" if rivals == 1 else f"{rivals} other jobs of its run are"
    queue = f" As it does, {others} queued for the same boards." if rivals else ""
    return f"It waits for a board: {'; '.join(shown)}.{queue}"


def _name(board_id: str, boards: Mapping[str, BoardEntry]) -> str:
    entry = boards.get(board_id)
    return marked_name(entry.board.name, entry.board.provenance) if entry is not None else board_id


def _reason(board_id: str, job: Job, boards: Mapping[str, BoardEntry], at_work: Mapping[str, str]) -> str:
    name = _name(board_id, boards)
    entry = boards.get(board_id)
    if entry is None or entry.state is BoardState.OFFLINE:
        return f"{name} is offline"
    if entry.health is BoardHealth.QUARANTINED:
        return f"{name} is quarantined ({entry.health_evidence})"
    if entry.intent is not BoardIntent.ENABLED:
        return f"{name} is {entry.intent.value}"
    if board_id in at_work:
        return f"{name} works on job {at_work[board_id][:12]} of the same run"
    if board_id in job.failed_boards:
        return f"{name} failed it before and is the last choice"
    return f"{name} is {entry.state.value}"
