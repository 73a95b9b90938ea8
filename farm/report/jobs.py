"""Jobs as a table, and the life of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farm.model.board import Provenance
from farm.model.job import Job
from farm.report.fitting import Column, fitted
from farm.report.live import OUTCOME_STYLES, describe_spec
from farm.report.marking import marked
from farm.report.quantities import seconds
from farm.store.queries import AttemptEntry, AuditEntry

__all__ = ["job_view", "jobs_table"]


def jobs_table(
    jobs: Sequence[Job], board_names: Mapping[str, tuple[str, Provenance]], width: int | None = None
) -> RenderableType:
    """One line per job; the reason beside those that did not pass."""
    columns = [
        Column("job", tuple(job.job_id[:12] for job in jobs)),
        Column("what", tuple(describe_spec(job.spec) for job in jobs)),
        Column("state", tuple(_state(job) for job in jobs)),
        Column("attempts", tuple(str(job.attempts) for job in jobs), 2, right=True, short_head="tries"),
        Column("board", tuple(_board(job.board_id, board_names) for job in jobs), 1),
        Column("reason", tuple(job.error.splitlines()[0] if job.error else "" for job in jobs), prose=True),
    ]
    return fitted(columns, width, elsewhere="`farm jobs --json`")


def job_view(
    job: Job,
    attempts: Sequence[AttemptEntry],
    audit: Sequence[AuditEntry],
    board_names: Mapping[str, tuple[str, Provenance]],
    waiting: str = "",
) -> RenderableType:
    """What it is, what it waits for, each attempt with the end of its log, and everything that happened to it."""
    parts: list[RenderableType] = [
        Text.assemble((describe_spec(job.spec), "bold"), "  ", _state(job)),
        Text(f"job {job.job_id}\nrun {job.spec.run_id}", style="dim"),
    ]
    if waiting:
        parts.append(Text(waiting, style="cyan"))
    if job.error:
        # Of a job that is tried again it is no verdict yet.
        parts.append(Text(job.error, style="red" if job.outcome is not None else "yellow"))
    for attempt in attempts:
        ending = attempt.outcome.value if attempt.outcome is not None else "running"
        took = f" after {seconds(attempt.duration_s)}" if attempt.duration_s is not None else ""
        where = _board(attempt.board_id, board_names)
        parts += [Text(""), Text.assemble(f"attempt {attempt.attempt} on ", where, f": {ending}{took}", style="bold")]
        parts += [Text(attempt.error)] if attempt.error else []
        parts += [Text(attempt.log_tail.rstrip(), style="dim")] if attempt.log_tail else []
    history = Table(box=None, pad_edge=False, header_style="bold", title="history", title_justify="left")
    for head in ("at", "what", "board", "fence", "by", "detail"):
        history.add_column(head)
    for entry in audit:
        at = datetime.fromtimestamp(entry.at_unix_s).astimezone()
        fence = str(entry.fence) if entry.fence is not None else ""
        where = _board(entry.board_id, board_names)
        history.add_row(f"{at:%H:%M:%S.%f}"[:-3], entry.kind.value, where, fence, entry.actor, entry.detail)
    return Group(*parts, Text(""), history)


def _board(board_id: str, names: Mapping[str, tuple[str, Provenance]]) -> Text:
    return marked(*names.get(board_id, (board_id[:12], Provenance.HARDWARE)))


def _state(job: Job) -> Text:
    if job.outcome is None:
        return Text(job.state.value, style="cyan")
    return Text(job.outcome.value, style=OUTCOME_STYLES[job.outcome][1])
