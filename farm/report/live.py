"""The live matrix: what a person watches while a run goes on.

    quickstart  12 of 32 jobs  ━━━━━━━━━━╸━━━━━━━━━━━━━  about 48 s left
    model        runtime      precision   1 x 1   1 x 8   2 x 1   2 x 8      (threads x batch)
    digits       onnxruntime  float32     24 100  88 000  ▸ 40 %    ·
    …
    raspberrypi  measure  arm-cpu-cnn onnxruntime int8 threads 2 batch 1

On a terminal it redraws in place; in a pipe or a log each finished job is one line.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from farm.model.attempt import Outcome, Phase
from farm.model.job import JobSpec, JobState
from farm.model.live import JobChange
from farm.model.result import Summary, Verdict
from farm.report.quantities import per_second, seconds
from farm.report.run_view import RunView, runtime_label

__all__ = ["OUTCOME_STYLES", "VERDICT_STYLES", "describe_spec", "job_line", "render"]

OUTCOME_STYLES: Mapping[Outcome, tuple[str, str]] = {
    Outcome.PASSED: ("passed", "green"),
    Outcome.FAILED: ("failed", "red"),
    Outcome.UNSUPPORTED: ("n/a", "dim"),
    Outcome.ERROR: ("error", "red"),
    Outcome.CANCELLED: ("cancelled", "yellow"),
    Outcome.LOST: ("lost", "red"),
}
"""Outcome to its short word in a cell, and its colour."""

VERDICT_STYLES: Mapping[Verdict, str] = {Verdict.VALID: "green", Verdict.WRONG_OUTPUT: "bold red"}
"""Colour of a verdict; yellow where none is named."""

_MOST_ROWS = 40


def render(view: RunView, summaries: Mapping[str, Summary], title: str) -> RenderableType:
    """The whole picture: progress, matrix, what each board does now."""
    return Group(_progress(view, title), _matrix(view, summaries), _boards(view))


def job_line(view: RunView, change: JobChange, summary: Summary | None) -> str:
    """One finished job as one line."""
    label = describe_spec(change.spec) if change.spec is not None else change.job_id[:12]
    word = change.outcome.value if change.outcome is not None else change.state.value
    if summary is not None:
        told = (
            f"{per_second(summary.throughput_per_s)}/s  p50 {seconds(summary.latency_p50_s)}  {summary.verdict.value}"
        )
    else:
        told = change.error.splitlines()[0] if change.error else ""
    board = f" on {view.board_name(change.board_id)}" if change.board_id else ""
    return f"[{view.done}/{len(view.jobs)}] {word}: {label}{board}  {told}".rstrip()


def describe_spec(spec: JobSpec) -> str:
    """A job in words: `digits onnxruntime float32 threads 2 batch 8`."""
    config = spec.config
    parts = [spec.model.name] if spec.model is not None else []
    parts += [runtime_label(config), config.precision, f"threads {config.threads}", f"batch {config.batch}"]
    parts += [config.build] if config.build else []
    parts += [f"{name}={value}" for name, value in sorted(config.knobs.items())]
    parts += [f"repeat {spec.repeat}"] if spec.repeat else []
    return " ".join(parts)


def _progress(view: RunView, title: str) -> RenderableType:
    left = "done" if view.finished else (f"about {seconds(view.remaining_s)} left" if view.remaining_s > 0 else "")
    line = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(1, len(view.jobs)), completed=view.progress, width=32)
    line.add_row(Text(title, style="bold"), f"{view.done} of {len(view.jobs)} jobs", bar, Text(left, style="cyan"))
    return line


def _matrix(view: RunView, summaries: Mapping[str, Summary]) -> RenderableType:
    matrix = view.matrix()
    table = Table(box=None, pad_edge=False, header_style="bold", caption=" x ".join(matrix.column_heads) + ", inputs/s")
    table.caption_justify = "right"
    for head in matrix.row_heads:
        table.add_column(head, no_wrap=True)
    for column in matrix.columns:
        table.add_column(" x ".join(column), justify="right", no_wrap=True)
    rows = matrix.rows
    for row in rows[:_MOST_ROWS]:
        cells = [_cell(view, summaries, matrix.cells.get((row, column), ())) for column in matrix.columns]
        table.add_row(*row, *cells)
    if len(rows) > _MOST_ROWS:
        table.add_row(Text(f"… {len(rows) - _MOST_ROWS} more rows", style="dim"))
    return table


def _cell(view: RunView, summaries: Mapping[str, Summary], job_ids: tuple[str, ...]) -> Text:
    """One job, or several boards and repeats: then the one that is furthest behind speaks for them."""
    if not job_ids:
        return Text("")
    jobs = [view.jobs[job_id] for job_id in job_ids]
    running = [job for job in jobs if job.state is JobState.LEASED]
    if running:
        return Text(f"▸ {max(job.fraction for job in running):.0%}", style="cyan")
    if any(job.state is JobState.QUEUED for job in jobs):
        return Text("·", style="dim")
    measured = [summaries[job.job_id] for job in jobs if job.job_id in summaries]
    if measured:
        best = max(measured, key=lambda summary: summary.throughput_per_s)
        return Text(per_second(best.throughput_per_s), style=VERDICT_STYLES.get(best.verdict, "yellow"))
    outcome = jobs[0].outcome or Outcome.ERROR
    word, style = OUTCOME_STYLES[outcome]
    return Text(word, style=style)


def _boards(view: RunView) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False)
    for job in view.jobs.values():
        if job.state is not JobState.LEASED:
            continue
        phase = (job.phase or Phase.PREPARE).value
        table.add_row(
            Text(view.board_name(job.board_id), style="bold"),
            Text(phase, style="cyan"),
            describe_spec(job.spec) if job.spec is not None else job.job_id[:12],
            Text(job.note, style="dim"),
        )
    return table
