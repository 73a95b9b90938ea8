"""Jobs as a table, and the life of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farm.model.job import Job
from farm.report.live import OUTCOME_STYLES, describe_spec
from farm.report.quantities import seconds
from farm.store.queries import AttemptEntry, AuditEntry

__all__ = ["job_view", "jobs_table"]


def jobs_table(jobs: Iterable[Job]) -> Table:
    """One line per job; the reason beside those that did not pass."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("job", "what", "state", "attempts", "board", "reason"):
        table.add_column(head, justify="right" if head == "attempts" else "left", no_wrap=head != "reason")
    for job in jobs:
        table.add_row(
            job.job_id[:12],
            describe_spec(job.spec),
            _state(job),
            str(job.attempts),
            job.board_id[:16],
            job.error.splitlines()[0] if job.error else "",
        )
    return table


def job_view(job: Job, attempts: Sequence[AttemptEntry], audit: Sequence[AuditEntry]) -> RenderableType:
    """What it is, each attempt with the end of its log, and everything that happened to it."""
    parts: list[RenderableType] = [
        Text.assemble((describe_spec(job.spec), "bold"), "  ", _state(job)),
        Text(f"job {job.job_id}\nrun {job.spec.run_id}", style="dim"),
    ]
    if job.error:
        parts.append(Text(job.error, style="red"))
    for attempt in attempts:
        ending = attempt.outcome.value if attempt.outcome is not None else "running"
        head = f"attempt {attempt.attempt} on {attempt.board_id}: {ending} after {seconds(attempt.duration_s)}"
        parts += [Text(""), Text(head, style="bold")]
        parts += [Text(attempt.error)] if attempt.error else []
        parts += [Text(attempt.log_tail.rstrip(), style="dim")] if attempt.log_tail else []
    history = Table(box=None, pad_edge=False, header_style="bold", title="history", title_justify="left")
    for head in ("at", "what", "board", "fence", "by", "detail"):
        history.add_column(head)
    for entry in audit:
        at = datetime.fromtimestamp(entry.at_unix_s).astimezone()
        fence = str(entry.fence) if entry.fence is not None else ""
        history.add_row(
            f"{at:%H:%M:%S.%f}"[:-3], entry.kind.value, entry.board_id[:16], fence, entry.actor, entry.detail
        )
    return Group(*parts, Text(""), history)


def _state(job: Job) -> Text:
    if job.outcome is None:
        return Text(job.state.value, style="cyan")
    return Text(job.outcome.value, style=OUTCOME_STYLES[job.outcome][1])
