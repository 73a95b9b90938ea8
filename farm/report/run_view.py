"""A run as it stands: the coordinator's updates put together, and laid out as a matrix.

Rows are model, runtime, precision (and whatever else the sweep varies), columns are threads x batch, a cell is a job
or several (repeats, boards). Nothing here draws: `farm.report.live` does, and `--json` takes the values as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from farm.model.attempt import Outcome
from farm.model.job import Config, JobSpec, JobState
from farm.model.live import BoardStatus, JobChange, WatchUpdate
from farm.report.marking import marked_name

__all__ = ["COMMAND", "Matrix", "RunView", "clipped", "runtime_label"]

COMMAND = "command"
"""The option of the runtime of that name: what is executed."""
_LONGEST_VALUE = 40


def clipped(text: str) -> str:
    """A value that is too long for a cell, without its end."""
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def runtime_label(config: Config) -> str:
    """The runtime with its version where the sweep asked for one: `onnxruntime==1.20.*`.

    >>> runtime_label(Config("litert"))
    'litert'
    >>> runtime_label(Config("onnxruntime", requirement="onnxruntime==1.20.*"))
    'onnxruntime==1.20.*'
    """
    requirement = config.requirement
    if not requirement or requirement == config.runtime:
        return config.runtime
    return requirement if requirement.startswith(config.runtime) else f"{config.runtime} ({requirement})"


@dataclass(frozen=True)
class Matrix:
    """Job ids by row and column, in the order in which the sweep names them."""

    row_heads: tuple[str, ...]
    column_heads: tuple[str, ...]
    cells: Mapping[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]

    @cached_property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        return tuple(dict.fromkeys(row for row, _ in self.cells))

    @cached_property
    def columns(self) -> tuple[tuple[str, ...], ...]:
        return tuple(
            sorted({column for _, column in self.cells}, key=lambda column: [_natural(part) for part in column])
        )


@dataclass
class RunView:
    """Takes updates in, answers questions about the run."""

    run_id: str
    jobs: dict[str, JobChange] = field(default_factory=dict)
    boards: dict[str, BoardStatus] = field(default_factory=dict)
    remaining_s: float = 0.0
    finished: bool = False
    _matrix: Matrix | None = None

    def apply(self, update: WatchUpdate) -> list[JobChange]:
        """Take an update in; returns the jobs that it finished, each once."""
        ended = []
        for change in update.changes:
            known = self.jobs.get(change.job_id)
            merged = change if change.spec is not None or known is None else replace(change, spec=known.spec)
            if known is None:
                self._matrix = None
            if change.state is JobState.FINISHED and (known is None or known.state is not JobState.FINISHED):
                ended.append(merged)
            self.jobs[change.job_id] = merged
        for board in update.boards:
            self.boards[board.board.board_id] = board
        self.remaining_s = update.remaining_s
        self.finished = update.finished
        return ended

    @property
    def done(self) -> int:
        return sum(job.state is JobState.FINISHED for job in self.jobs.values())

    @property
    def progress(self) -> float:
        """Finished jobs and the estimated share of those that run, in jobs."""
        return self.done + sum(
            min(max(job.fraction, 0.0), 1.0) for job in self.jobs.values() if job.state is JobState.LEASED
        )

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(job.outcome for job in self.jobs.values() if job.outcome is not None)

    def board_name(self, board_id: str) -> str:
        """What people call it, marked where its numbers are not hardware's."""
        status = self.boards.get(board_id)
        if status is None:
            return board_id
        return marked_name(status.board.name, status.board.provenance)

    def matrix(self) -> Matrix:
        """The run laid out; axes that do not vary are left out of the heads. The same until there are other jobs."""
        if self._matrix is None:
            self._matrix = self._lay_out()
        return self._matrix

    def _lay_out(self) -> Matrix:
        specs = {job_id: job.spec for job_id, job in self.jobs.items() if job.spec is not None}
        row_heads = _varying(
            specs.values(), ("model", "runtime", "precision", "build", "knobs", "options"), keep=("model",)
        )
        column_heads = _varying(specs.values(), ("threads", "batch"), keep=("batch",))
        cells: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for job_id, spec in specs.items():
            row = tuple(_value(spec, head) for head in row_heads)
            column = tuple(_value(spec, head) for head in column_heads)
            cells.setdefault((row, column), []).append(job_id)
        return Matrix(row_heads, column_heads, {key: tuple(ids) for key, ids in cells.items()})


def _varying(specs: Iterable[JobSpec], heads: tuple[str, ...], *, keep: tuple[str, ...]) -> tuple[str, ...]:
    values: dict[str, set[str]] = {head: set() for head in heads}
    for spec in specs:
        for head in heads:
            values[head].add(_value(spec, head))
    return tuple(head for head in heads if head in keep or len(values[head]) > 1)


def _value(spec: JobSpec, head: str) -> str:
    config = spec.config
    if head == "model":
        return spec.model.name if spec.model is not None else config.runtime
    if head == "runtime":
        return runtime_label(config)
    if head in ("knobs", "options"):
        pairs = config.knobs if head == "knobs" else config.options
        return clipped(" ".join(f"{name}={value}" for name, value in sorted(pairs.items())))
    return str(getattr(config, head))


def _natural(text: str) -> tuple[int, int | str]:
    return (0, int(text)) if text.isdigit() else (1, text)
