"""What a sweep would do, as values: for `farm submit --dry-run`, which prints it, and for `--json`.

plan = make_plan(sweep, expand(sweep, run_id="plan", files=files, boards=boards))
plan.axes          the matrix: models and axes with their values
plan.jobs          each job: its point, the boards that could take it, or why none can
plan.boards        each board: how many jobs it may get, and its share of the time
plan.estimate_s    how long it takes with all boards at work
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from farm.model.board import Board
from farm.model.identity import canonical_json
from farm.model.job import Config, Job, JobState
from farm.sweeps.axes import STOCK
from farm.sweeps.estimate import at_most_s
from farm.sweeps.expand import Expansion
from farm.sweeps.problems import key_name
from farm.sweeps.runtime_value import RuntimeValue
from farm.sweeps.schema import Sweep

__all__ = ["Plan", "PlannedAxis", "PlannedBoard", "PlannedJob", "Unsupported", "make_plan"]


@dataclass(frozen=True)
class PlannedAxis:
    """One axis of the matrix and its values as text; `conditional` when some count only at some points."""

    name: str
    values: tuple[str, ...]
    conditional: bool = False


@dataclass(frozen=True)
class PlannedJob:
    """One job: what it varies, by axis name, and where it could run. `unsupported` is the reason why nowhere."""

    job_id: str
    model: str
    point: Mapping[str, str]
    repeat: int
    boards: tuple[str, ...]
    """Names of boards: those that could take it, or of an unsupported job those that cannot."""
    estimate_s: float
    unsupported: str = ""


@dataclass(frozen=True)
class PlannedBoard:
    """One board that the selector matched, with its share when every job goes where it ends soonest."""

    board_id: str
    name: str
    board_type: str
    provenance: str
    jobs: int
    busy_s: float


@dataclass(frozen=True)
class Unsupported:
    """A reason why jobs cannot run, and how many share it."""

    reason: str
    jobs: int


@dataclass(frozen=True)
class Plan:
    """The whole of it. Times in seconds, estimated before anything was measured; waits for a gate are not in them."""

    name: str
    description: str
    models: tuple[str, ...]
    axes: tuple[PlannedAxis, ...]
    boards: tuple[PlannedBoard, ...]
    jobs: tuple[PlannedJob, ...]
    unsupported: tuple[Unsupported, ...]
    estimate_s: float
    """With all boards at work."""
    board_s: float
    """Time of boards, summed."""
    at_most_s: float
    """If every attempt took as long as its limit allows."""

    def to_json(self) -> str:
        """Everything, as canonical JSON."""
        return canonical_json(asdict(self))


def make_plan(sweep: Sweep, expansion: Expansion) -> Plan:
    """The plan of a sweep that was expanded against the boards that there are."""
    names = {board.board_id: board.name for board in expansion.boards}
    share = {board.board_id: (0, 0.0, 0.0) for board in expansion.boards}
    for job in expansion.runnable:
        # Each job goes to the board that would be done with it first; of equals the first by id.
        board_id = min(job.board_ids, key=lambda name: (share[name][1] + job.estimate_s, name))
        count, busy_s, limit_s = share[board_id]
        share[board_id] = (count + 1, busy_s + job.estimate_s, limit_s + at_most_s(job.spec))
    reasons: dict[str, int] = {}
    for job in expansion.unsupported:
        reasons[job.error] = reasons.get(job.error, 0) + 1
    return Plan(
        name=sweep.name,
        description=sweep.description,
        models=tuple(sorted(sweep.models)),
        axes=tuple(_axes(sweep)),
        boards=tuple(_board(board, *share[board.board_id][:2]) for board in expansion.boards),
        jobs=tuple(_job(job, names, sweep.axes.knobs) for job in expansion.jobs),
        unsupported=tuple(Unsupported(reason, count) for reason, count in reasons.items()),
        estimate_s=max((busy_s for _, busy_s, _ in share.values()), default=0.0),
        board_s=sum(busy_s for _, busy_s, _ in share.values()),
        at_most_s=max((limit_s for _, _, limit_s in share.values()), default=0.0),
    )


def _axes(sweep: Sweep) -> list[PlannedAxis]:
    axes = []
    for path, axis in sweep.axes.named().items():
        added = [value for item in sweep.include if path in item.named() for value in item.named()[path].values]
        values = dict.fromkeys(_text(value) for value in (*axis.values, *added))
        conditional = any(True for clause in axis for _ in clause.when.entries())
        axes.append(PlannedAxis(key_name(path[1:] if path[0] == "knobs" else path), tuple(values), conditional))
    return axes


def _text(value: object) -> str:
    if isinstance(value, RuntimeValue):
        return value.label
    return value if isinstance(value, str) else canonical_json(value)  # type: ignore[arg-type]


def _board(board: Board, jobs: int, busy_s: float) -> PlannedBoard:
    return PlannedBoard(board.board_id, board.name, board.board_type, board.provenance.value, jobs, busy_s)


def _job(job: Job, names: Mapping[str, str], knobs: Iterable[str]) -> PlannedJob:
    spec = job.spec
    return PlannedJob(
        job_id=job.job_id,
        model=spec.model.name if spec.model is not None else "",
        point=_point(spec.config, knobs),
        repeat=spec.repeat,
        boards=tuple(names[board_id] for board_id in job.board_ids),
        estimate_s=job.estimate_s,
        unsupported=job.error if job.state is JobState.FINISHED else "",
    )


def _point(config: Config, knobs: Iterable[str]) -> dict[str, str]:
    point = {
        "runtime": config.requirement or config.runtime,
        "precision": config.precision,
        "threads": str(config.threads),
        "batch": str(config.batch),
    }
    if config.build:
        point["build"] = config.build
    # A knob of the sweep that the job leaves alone is shown as what it is.
    point |= {name: config.knobs.get(name, STOCK) for name in sorted(knobs)}
    point |= {f"options.{name}": value for name, value in config.options.items()}
    return point
