"""What a sweep would do, drawn: the matrix, the boards, what cannot run and why, and how long it takes."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farm.report.quantities import seconds
from farm.sweeps.plan import Plan, PlannedJob

__all__ = ["plan_view"]

_MOST_JOBS = 60


def plan_view(plan: Plan) -> RenderableType:
    """Top to bottom: what varies, where it runs, what does not and why, each job, and the time."""
    parts: list[RenderableType] = [Text(plan.name, style="bold")]
    if plan.description:
        parts.append(Text(plan.description, style="dim"))
    parts += [Text(""), _axes(plan), Text(""), _boards(plan)]
    if plan.unsupported:
        parts += [Text(""), Text("unsupported", style="bold yellow")]
        parts += [Text(f"  {entry.jobs} x  {entry.reason}") for entry in plan.unsupported]
    parts += [Text(""), _jobs(plan.jobs), Text(""), _time(plan)]
    return Group(*parts)


def _axes(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row(Text("models", style="bold"), ", ".join(plan.models))
    for axis in plan.axes:
        where = "  (where its condition holds)" if axis.conditional else ""
        table.add_row(Text(axis.name, style="bold"), ", ".join(axis.values) + where)
    return table


def _boards(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("board", "type", "jobs", "time"):
        table.add_column(head, justify="right" if head in ("jobs", "time") else "left")
    for board in plan.boards:
        name = board.name if board.provenance == "hardware" else f"{board.name} ({board.provenance})"
        table.add_row(name, board.board_type, str(board.jobs), seconds(board.busy_s))
    return table


def _jobs(jobs: tuple[PlannedJob, ...]) -> Table:
    heads = list(dict.fromkeys(head for job in jobs for head in job.point))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("model", *heads, "boards", "time"):
        table.add_column(head, justify="right" if head in ("threads", "batch", "time") else "left")
    for job in jobs[:_MOST_JOBS]:
        values = [job.point.get(head, "") for head in heads]
        where = (
            Text(f"unsupported: {job.unsupported}", style="yellow") if job.unsupported else Text(" ".join(job.boards))
        )
        table.add_row(job.model, *values, where, "" if job.unsupported else seconds(job.estimate_s))
    if len(jobs) > _MOST_JOBS:
        table.add_row(Text(f"… {len(jobs) - _MOST_JOBS} more; --json has them all", style="dim"))
    return table


def _time(plan: Plan) -> Text:
    runnable = sum(not job.unsupported for job in plan.jobs)
    return Text.assemble(
        (f"{runnable} jobs", "bold"),
        f" of {len(plan.jobs)} can run: about {seconds(plan.estimate_s)} with all boards at work",
        f" ({seconds(plan.board_s)} of board time, {seconds(plan.at_most_s)} at most)",
    )
