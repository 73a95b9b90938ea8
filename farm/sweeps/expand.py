"""From a sweep, the files of its models and the boards that there are, to jobs. Pure: same arguments, same jobs.

`each: board` makes one job for every matching board and point, `type` one for every type of board, `any` one that any
of the boards may take (simulated and emulated boards only where no hardware can). A point that a board cannot run is a
job too: finished as `unsupported`, with the reason, so that a table has no holes that nobody can explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from farm.errors import NoBoardError, SweepError
from farm.model.attempt import Outcome
from farm.model.board import Board, Provenance
from farm.model.identity import canonical_json
from farm.model.job import Config, Job, JobSpec, JobState, Limits, Model, make_job_id
from farm.sweeps.axes import STOCK
from farm.sweeps.conditions import Point
from farm.sweeps.estimate import estimate_s
from farm.sweeps.fit import ModelFile, choose_file, open_precisions, why_not_board
from farm.sweeps.points import iterate_points
from farm.sweeps.runtime_value import NATURAL_RUNTIME, RuntimeValue
from farm.sweeps.schema import Sweep

__all__ = ["Expansion", "ModelFile", "expand", "matching_boards"]

MOST_JOBS = 100_000
_MOST_REASONS = 4
_NO_PRECISION = "float32"


@dataclass(frozen=True)
class Expansion:
    """The jobs of a run, and the boards that its selector matched."""

    jobs: tuple[Job, ...]
    boards: tuple[Board, ...]

    @property
    def runnable(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.state is JobState.QUEUED)

    @property
    def unsupported(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.outcome is Outcome.UNSUPPORTED)


@dataclass(frozen=True)
class _Place:
    """Whom one job of each point is for. `identity` stands for it in the job's id."""

    identity: str
    boards: tuple[Board, ...]


@dataclass(frozen=True)
class _Cell:
    """A point with runtime and precision decided."""

    point: Point
    runtime: RuntimeValue
    precision: str


def expand(sweep: Sweep, *, run_id: str, files: Sequence[ModelFile], boards: Sequence[Board]) -> Expansion:
    """Every job of one run, in a fixed order: repeats outermost, then points, then boards.

    Raises `NoBoardError` when the selector matches no board, `SweepError` when files are missing or jobs too many.
    """
    matching = matching_boards(sweep, boards)
    by_model = _files_by_model(sweep, files)
    places = list(_places(sweep, matching))
    limits = sweep.as_limits()
    cells = [cell for point in iterate_points(sweep) for cell in _cells(point, by_model.get(point.model, ()), matching)]
    jobs: dict[str, Job] = {}
    for repeat in range(sweep.repeats):
        for cell in cells:
            for place in places:
                allowed = [board for board in place.boards if not _excluded(sweep, cell, board)]
                if not allowed:
                    continue
                job = _job(sweep, run_id, cell, _Place(place.identity, tuple(allowed)), by_model, limits, repeat)
                jobs.setdefault(job.job_id, job)
                if len(jobs) > MOST_JOBS:
                    raise SweepError(
                        f"sweep `{sweep.name}` makes more than {MOST_JOBS} jobs on {len(matching)} boards",
                        hint="take values away, or write `boards: {each: type}` or `{each: any}`",
                    )
    return Expansion(tuple(jobs.values()), matching)


def matching_boards(sweep: Sweep, boards: Sequence[Board]) -> tuple[Board, ...]:
    """The boards that the sweep's selector matches, by id; `NoBoardError` says for each other one why it is not."""
    selector = sweep.boards.selector
    ordered = sorted(boards, key=lambda board: board.board_id)
    matching = tuple(board for board in ordered if selector.matches(board))
    if matching:
        return matching
    if not boards:
        raise NoBoardError(
            "no board is attached", hint="start `farm-agent` on a board, or see who is there with `farm boards`"
        )
    lines = [
        f"  {board.name} ({board.board_type}, {board.provenance.value}): {selector.why_not(board)}"
        for board in ordered[:20]
    ]
    if len(ordered) > 20:
        lines.append(f"  … and {len(ordered) - 20} more")
    raise NoBoardError(
        f"no board matches `{selector.written}`. There are:\n" + "\n".join(lines),
        hint="change `boards:` in the sweep, or attach a board that matches; `farm boards` shows what each one is",
    )


def _files_by_model(sweep: Sweep, files: Sequence[ModelFile]) -> Mapping[str, Sequence[ModelFile]]:
    found = {name: [file for file in files if file.model == name] for name in sorted(sweep.models)}
    for name, own in found.items():
        if not own:
            raise SweepError(
                f"no file of model `{name}` came with the sweep", hint="submit it again with its model files"
            )
    owner: dict[str, str] = {}
    for file in files:
        other = owner.setdefault(file.artifact.sha256, file.model)
        if other != file.model:
            raise SweepError(
                f"models `{other}` and `{file.model}` are the same file ({file.artifact.name or file.artifact.sha256})",
                hint="take one of them out of `models:`; their jobs would be the same jobs",
            )
    return found


def _places(sweep: Sweep, boards: Sequence[Board]) -> Iterator[_Place]:
    if sweep.boards.each == "board":
        for board in boards:
            yield _Place(board.board_id, (board,))
    elif sweep.boards.each == "type":
        # A simulated board is never in one series with hardware, also where somebody gave both the same type.
        kinds = sorted({(board.board_type, board.provenance.value) for board in boards})
        for board_type, provenance in kinds:
            own = [board for board in boards if (board.board_type, board.provenance.value) == (board_type, provenance)]
            yield _Place(f"type:{board_type}:{provenance}", tuple(own))
    else:
        yield _Place(f"any:{sweep.boards.select}", tuple(boards))


def _cells(point: Point, files: Sequence[ModelFile], boards: Sequence[Board]) -> Iterator[_Cell]:
    """The point, once for each runtime and precision that it leaves open."""
    runtimes = [point.runtime] if point.runtime is not None else _natural_runtimes(files)
    for runtime in runtimes:
        precisions = [point.precision] if point.precision is not None else open_precisions(boards, runtime, files)
        for precision in precisions or [_NO_PRECISION]:
            yield _Cell(point, runtime, precision)


def _natural_runtimes(files: Sequence[ModelFile]) -> list[RuntimeValue]:
    names = dict.fromkeys(NATURAL_RUNTIME.get(file.format, file.format) for file in files)
    return [RuntimeValue.parse(name) for name in names if name]


def _excluded(sweep: Sweep, cell: _Cell, board: Board) -> bool:
    if cell.point.included:
        return False
    return any(rule.board is not None and rule.hold(cell.point) and rule.hold_on(board) for rule in sweep.exclude)


def _job(
    sweep: Sweep,
    run_id: str,
    cell: _Cell,
    place: _Place,
    by_model: Mapping[str, Sequence[ModelFile]],
    limits: Limits,
    repeat: int,
) -> Job:
    files = by_model.get(cell.point.model, ())
    chosen, can, reason = _who_can(cell, place.boards, files, limits.memory_bytes)
    if sweep.boards.each == "any":
        hardware = tuple(board for board in can if board.provenance is Provenance.HARDWARE)
        can = hardware or can
    # A job that cannot run still names a file of its model, so that it can be told apart and shown.
    file = chosen or (files[0] if files else None)
    config = _config(cell)
    scenario = sweep.scenario.as_model()
    spec = JobSpec(
        job_id=make_job_id(
            run_id=run_id,
            model_sha256=file.artifact.sha256 if file is not None else "",
            boards=(place.identity,),
            config=config,
            scenario=scenario,
            runner=cell.runtime.runtime,
            repeat=repeat,
        ),
        run_id=run_id,
        model=Model(file.model, file.format, file.precision, file.artifact, file.golden) if file is not None else None,
        config=config,
        scenario=scenario,
        gate=sweep.gate.as_model(),
        limits=limits,
        launches=sweep.launches,
        cooldown_s=sweep.cooldown,
        repeat=repeat,
    )
    if can:
        return Job(spec, tuple(board.board_id for board in can), priority=sweep.priority, estimate_s=estimate_s(spec))
    return Job(
        spec,
        tuple(board.board_id for board in place.boards),
        priority=sweep.priority,
        state=JobState.FINISHED,
        outcome=Outcome.UNSUPPORTED,
        error=reason,
    )


def _who_can(
    cell: _Cell, boards: Sequence[Board], files: Sequence[ModelFile], memory_bytes: int
) -> tuple[ModelFile | None, tuple[Board, ...], str]:
    """The file to run, the boards that can run it, and if there are none, why.

    Where boards take different files of a model, the one that most boards can run.
    """
    takers: dict[ModelFile | None, list[Board]] = {}
    reasons: dict[str, None] = {}
    for board in boards:
        why_not = why_not_board(board, cell.runtime, cell.point, memory_bytes)
        file: ModelFile | None = None
        if not why_not and files:
            file, why_not = choose_file(board, cell.runtime, cell.precision, files)
            why_not = why_not and f"model `{cell.point.model}`: {why_not}"
        if why_not:
            reasons[why_not] = None
        else:
            takers.setdefault(file, []).append(board)
    if not takers:
        shown = list(reasons)[:_MOST_REASONS]
        others = len(reasons) - len(shown)
        return None, (), "; ".join(shown) + (f"; and {others} more boards cannot" if others else "")
    order = list(files)
    best = max(takers, key=lambda file: (len(takers[file]), -order.index(file) if file is not None else 0))
    return best, tuple(takers[best]), ""


def _config(cell: _Cell) -> Config:
    point, runtime = cell.point, cell.runtime
    options = {name: canonical_json(value) for name, value in point.options.items()}
    if runtime.command:
        options["command"] = canonical_json(list(runtime.command))
    return Config(
        runtime=runtime.runtime,
        requirement=runtime.requirement,
        precision=cell.precision,
        threads=point.threads,
        batch=point.batch,
        build=point.build,
        knobs={name: canonical_json(value) for name, value in point.knobs.items() if value != STOCK},
        options=options,
    )
