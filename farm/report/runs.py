"""Runs as a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from farm.model.job import RunState
from farm.report.fitting import Column, fitted
from farm.report.quantities import seconds
from farm.store.queries import RunEntry, RunProgress

__all__ = ["runs_table"]

_STYLES = {RunState.OPEN: "cyan", RunState.FINISHED: "green", RunState.CANCELLED: "yellow"}


def runs_table(entries: Iterable[tuple[RunEntry, RunProgress]], width: int | None = None) -> RenderableType:
    """One line per run, times in the reader's own zone."""
    listed = list(entries)
    columns = [
        Column("run", tuple(entry.run_id for entry, _ in listed)),
        Column("state", tuple(Text(entry.state.value, style=_STYLES[entry.state]) for entry, _ in listed)),
        Column("jobs", tuple(f"{progress.finished}/{entry.job_count}" for entry, progress in listed), right=True),
        Column("by", tuple(entry.submitted_by for entry, _ in listed), 3),
        Column(
            "submitted",
            tuple(f"{_when(entry):%Y-%m-%d %H:%M:%S}" for entry, _ in listed),
            1,
            short=tuple(f"{_when(entry):%m-%d %H:%M}" for entry, _ in listed),
        ),
        Column("took", tuple(_took(entry) for entry, _ in listed), 2, right=True),
        Column("outcomes", tuple(_outcomes(progress) for _, progress in listed), prose=True),
    ]
    return fitted(columns, width, elsewhere="`farm runs --json`")


def _when(entry: RunEntry) -> datetime:
    return datetime.fromtimestamp(entry.created_unix_s).astimezone()


def _took(entry: RunEntry) -> str:
    return seconds(entry.finished_unix_s - entry.created_unix_s) if entry.finished_unix_s is not None else ""


def _outcomes(progress: RunProgress) -> str:
    return ", ".join(f"{count} {outcome.value}" for outcome, count in progress.by_outcome.items())
