"""The live matrix: what a person watches while a run goes on.

    quickstart  12 of 32 jobs  ━━━━━━━━━━╸━━━━━━━━━━━━━  about 48 s left
    model        runtime      precision   1 x 1   1 x 8   2 x 1   2 x 8      (threads x batch)
    digits       onnxruntime  float32     24 100  88 000  ▸ 40 %    ·
    …
    raspberrypi  measure  arm-cpu-cnn onnxruntime int8 threads 2 batch 1

On a terminal it redraws in place; in a pipe or a log each finished job is one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from farm.model.attempt import Outcome, Phase
from farm.model.job import JobSpec, JobState
from farm.model.live import JobChange
from farm.model.result import Summary, Verdict
from farm.report.quantities import per_second, seconds
from farm.report.run_view import Matrix, RunView, runtime_label

__all__ = ["OUTCOME_STYLES", "VERDICT_STYLES", "describe_spec", "job_line", "render", "requeue_line"]

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

_GAP = 2
_BAR_WIDTH = 32
_NARROWEST_BAR = 8
_MOST_BOARDS = 8
_MOST_FAILURES = 3
_BAD = (Outcome.FAILED, Outcome.ERROR, Outcome.LOST)


def render(
    view: RunView, summaries: Mapping[str, Summary], title: str, width: int = 120, height: int = 50
) -> RenderableType:
    """The whole picture: progress, matrix, what went wrong, what each board does now; no larger than the terminal."""
    if not view.jobs:
        return Text(f"{title}  asking the coordinator", style="dim")
    boards = _boards(view)
    failures = _failures(view)
    room = height - 5 - boards.row_count - len(failures)
    return Group(_progress(view, title, width), _matrix(view, summaries, width, max(3, room)), *failures, boards)


def job_line(view: RunView, change: JobChange, summary: Summary | None, number: int) -> str:
    """One finished job as one line; `number` counts them."""
    label = describe_spec(change.spec) if change.spec is not None else change.job_id[:12]
    word = change.outcome.value if change.outcome is not None else change.state.value
    if summary is not None:
        told = (
            f"{per_second(summary.throughput_per_s)}/s  p50 {seconds(summary.latency_p50_s)}  {summary.verdict.value}"
        )
    else:
        told = change.error.splitlines()[0] if change.error else ""
    board = f" on {view.board_name(change.board_id)}" if change.board_id else ""
    return f"[{number}/{len(view.jobs)}] {word}: {label}{board}  {told}".rstrip()


def describe_spec(spec: JobSpec) -> str:
    """A job in words: `digits onnxruntime float32 threads 2 batch 8`."""
    config = spec.config
    parts = [spec.model.name] if spec.model is not None else []
    parts += [runtime_label(config), config.precision, f"threads {config.threads}", f"batch {config.batch}"]
    parts += [config.build] if config.build else []
    parts += [f"{name}={value}" for name, value in sorted(config.knobs.items())]
    parts += [f"repeat {spec.repeat}"] if spec.repeat else []
    return " ".join(parts)


def requeue_line(view: RunView, before: JobChange, after: JobChange) -> str:
    """Why a job that a board had is tried again."""
    label = describe_spec(after.spec) if after.spec is not None else after.job_id[:12]
    reason = after.error.splitlines()[0] if after.error else "its board gave it back"
    return f"again: {label}  ({view.board_name(before.board_id)}: {reason})"


def _progress(view: RunView, title: str, width: int) -> RenderableType:
    done = f"{view.done} of {len(view.jobs)} jobs"
    bad = sum(view.outcomes[outcome] for outcome in _BAD)
    failed = f"{bad} failed" if bad else ""
    left = "done" if view.finished else (f"about {seconds(view.remaining_s)} left" if view.remaining_s > 0 else "")
    words = [Text(title, style="bold"), Text(done), Text(failed, style="red"), Text(left, style="cyan")]
    taken = sum(word.cell_len + _GAP for word in words if word)
    if taken + _NARROWEST_BAR > width:
        words[0].truncate(max(1, words[0].cell_len - (taken + _NARROWEST_BAR - width)), overflow="ellipsis")
        taken = sum(word.cell_len + _GAP for word in words if word)
    bar_width = max(_NARROWEST_BAR, min(_BAR_WIDTH, width - taken))
    bar = ProgressBar(total=max(1, len(view.jobs)), completed=view.progress, width=bar_width)
    line = Table.grid(padding=(0, _GAP, 0, 0))
    *before, last = [word for word in words if word]
    cells: list[RenderableType] = [*before, bar, last] if left else [*before, last, bar]
    for _ in cells:
        line.add_column(no_wrap=True)
    line.add_row(*cells)
    return line


def _matrix(view: RunView, summaries: Mapping[str, Summary], width: int, room: int) -> RenderableType:
    """The matrix where it fits; else how far each row is."""
    matrix = view.matrix()
    heads = [max(len(head), *(len(row[i]) for row in matrix.rows)) + _GAP for i, head in enumerate(matrix.row_heads)]
    cells = sum(max(_CELL_WIDTH, len(" x ".join(column))) + _GAP for column in matrix.columns)
    across = sum(heads) + cells <= width
    caption = f"{' x '.join(matrix.column_heads)}, inputs/s"
    table = Table(box=None, pad_edge=False, header_style="bold", caption=caption if across else None)
    table.caption_justify = "right"
    for head in matrix.row_heads:
        table.add_column(head, no_wrap=True, overflow="ellipsis")
    if across:
        for column in matrix.columns:
            table.add_column(" x ".join(column), justify="right", no_wrap=True)
    else:
        table.add_column("done", justify="right", no_wrap=True)
        table.add_column("best inputs/s", justify="right", no_wrap=True)
    first, rows = _window(view, matrix, room)
    if first:
        table.add_row(Text(f"… {first} rows above", style="dim"))
    for row in rows:
        if across:
            shown = [_cell(view, summaries, matrix.cells.get((row, column), ())) for column in matrix.columns]
        else:
            shown = list(_row_in_short(view, summaries, matrix, row))
        table.add_row(*row, *shown)
    below = len(matrix.rows) - first - len(rows)
    if below:
        table.add_row(Text(f"… {below} rows below", style="dim"))
    return table


_CELL_WIDTH = 7
"""Of `245 000` and `▸ 100%`."""


def _window(view: RunView, matrix: Matrix, room: int) -> tuple[int, Sequence[tuple[str, ...]]]:
    """The rows that there is room for, around the first that is not finished; and how many stand above them."""
    rows = matrix.rows
    if len(rows) <= room:
        return 0, rows
    room = max(1, room - 2)
    open_rows = (index for index, row in enumerate(rows) if any(not _is_over(view, job) for job in _row(matrix, row)))
    first = min(max(0, next(open_rows, len(rows)) - room // 3), len(rows) - room)
    return first, rows[first : first + room]


def _row(matrix: Matrix, row: tuple[str, ...]) -> Iterator[str]:
    for column in matrix.columns:
        yield from matrix.cells.get((row, column), ())


def _row_in_short(
    view: RunView, summaries: Mapping[str, Summary], matrix: Matrix, row: tuple[str, ...]
) -> tuple[Text, Text]:
    jobs = list(_row(matrix, row))
    done = sum(_is_over(view, job) for job in jobs)
    best = max((summaries[job].throughput_per_s for job in jobs if job in summaries), default=None)
    style = "green" if done == len(jobs) else ("cyan" if done else "dim")
    return Text(f"{done} of {len(jobs)}", style=style), Text(per_second(best) if best is not None else "")


def _is_over(view: RunView, job_id: str) -> bool:
    return view.jobs[job_id].state is JobState.FINISHED


def _failures(view: RunView) -> list[Text]:
    """The newest of what did not pass, one line each."""
    bad = [job for job in view.jobs.values() if job.outcome in _BAD]
    lines = []
    for job in bad[-_MOST_FAILURES:]:
        label = describe_spec(job.spec) if job.spec is not None else job.job_id[:12]
        reason = job.error.splitlines()[0] if job.error else ""
        word = job.outcome.value if job.outcome is not None else ""
        line = Text.assemble((f"{word} ", "red"), label, (f"  {reason}", "dim"))
        line.no_wrap, line.overflow = True, "ellipsis"
        lines.append(line)
    return lines


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


def _boards(view: RunView) -> Table:
    """What each board that works does now."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    for _ in range(2):
        table.add_column(no_wrap=True, overflow="ellipsis")
    working = [job for job in view.jobs.values() if job.state is JobState.LEASED]
    for job in working[:_MOST_BOARDS]:
        phase = (job.phase or Phase.PREPARE).value
        table.add_row(
            Text(view.board_name(job.board_id), style="bold"),
            Text(phase, style="cyan"),
            job.note or (describe_spec(job.spec) if job.spec is not None else job.job_id[:12]),
            Text(describe_spec(job.spec) if job.note and job.spec is not None else "", style="dim"),
        )
    if len(working) > _MOST_BOARDS:
        table.add_row(Text(f"… and {len(working) - _MOST_BOARDS} more", style="dim"))
    elif not working and not view.finished:
        told = "no board works on it now" if view.boards else "waiting for a board"
        table.add_row(Text(told, style="dim"))
    return table
