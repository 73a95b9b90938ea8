"""Runs as a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from farm.model.job import RunState
from farm.report.quantities import seconds
from farm.store.queries import RunEntry, RunProgress

__all__ = ["runs_table"]

_STYLES = {RunState.OPEN: "cyan", RunState.FINISHED: "green", RunState.CANCELLED: "yellow"}


def runs_table(entries: Iterable[tuple[RunEntry, RunProgress]]) -> Table:
    """One line per run, times in the reader's own zone."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("run", "state", "jobs", "outcomes", "by", "submitted", "took"):
        table.add_column(head, justify="right" if head in ("jobs", "took") else "left", no_wrap=True)
    for entry, progress in entries:
        outcomes = ", ".join(f"{count} {outcome.value}" for outcome, count in progress.by_outcome.items())
        took = entry.finished_unix_s - entry.created_unix_s if entry.finished_unix_s is not None else None
        table.add_row(
            entry.run_id,
            Text(entry.state.value, style=_STYLES[entry.state]),
            f"{progress.finished}/{entry.job_count}",
            outcomes,
            entry.submitted_by,
            f"{datetime.fromtimestamp(entry.created_unix_s).astimezone():%Y-%m-%d %H:%M:%S}",
            seconds(took),
        )
    return table
