"""`farm submit`: run a sweep and show its numbers.

Goes to the standing coordinator where one is up (`farm up`), else hosts one here with one agent for this machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from farm.cli.output import JSON_OPTION, print_json, print_view, say

if TYPE_CHECKING:
    from farm.cli.watching import Interrupt
    from farm.coordinator.client import FarmClient
    from farm.coordinator.local import LocalEngine
    from farm.coordinator.places import Places
    from farm.model.board import Board
    from farm.model.live import Submitted
    from farm.modelfiles.resolve import ResolvedFile
    from farm.store.queries import RunEntry
    from farm.sweeps.schema import Sweep

__all__ = ["load_sweep", "register"]

_BOARD_WAIT_S = 30.0
_AGENTS_BAD_OPTIONS = 2


def register(app: typer.Typer) -> None:
    app.command("submit", help="Run a sweep: models x boards x configs. Needs no server on one machine.")(submit)


def submit(
    sweep: str = typer.Argument(
        "", metavar="SWEEP.yaml", help="The sweep file; with --resume, a run (none: the latest unfinished one)."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on with an interrupted run; what was measured is kept."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the matrix, the boards and the estimate; run nothing."),
    detach: bool = typer.Option(False, "--detach", help="Queue it on the standing coordinator and return at once."),
    board: list[str] = typer.Option([], "--board", help="Board of the local agent, KIND[:ARGS]: simulated:pi4, say."),
    board_wait_s: float = typer.Option(
        _BOARD_WAIT_S, "--board-wait", min=0.0, help="Seconds to wait for a board that matches."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show nothing while it runs."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Load, resolve, submit, watch, report."""
    import asyncio

    from farm.coordinator.places import Places
    from farm.coordinator.service import find_service
    from farm.errors import CoordinatorError, SweepError

    _refuse_contradictions(resume=resume, dry_run=dry_run, detach=detach, boards=board)
    order = _Order(tuple(board), board_wait_s, detach, quiet, as_json)
    places = Places.from_environment()
    if resume:
        run = order.find_to_resume(places, sweep)
        if run is not None:
            asyncio.run(order.resume(places.create(), run))
        return
    if not sweep:
        raise SweepError("No sweep file was named.", hint="Try: farm submit examples/quickstart.yaml")
    # Before anything is started or written: most mistakes are in the sweep.
    loaded = load_sweep(Path(sweep), places)
    places.create()
    if detach and find_service(places) is None:
        raise CoordinatorError("No coordinator is up that could go on without you.", hint="Start one: farm up")
    asyncio.run(order.plan(places, *loaded) if dry_run else order.submit(places, *loaded))


def _refuse_contradictions(*, resume: bool, dry_run: bool, detach: bool, boards: list[str]) -> None:
    given = {"--resume": resume, "--dry-run": dry_run, "--detach": detach, "--board": bool(boards)}
    for one, other in (
        ("--dry-run", "--resume"),
        ("--dry-run", "--detach"),
        ("--detach", "--resume"),
        ("--detach", "--board"),
    ):
        if given[one] and given[other]:
            raise typer.BadParameter(f"it does not go together with {other}", param_hint=one)


@dataclass
class _Session:
    """What an order is carried out with: the coordinator; what looks after it, where it is our own; Ctrl-C."""

    client: FarmClient
    check: Callable[[], None] | None
    interrupt: Interrupt
    run_id: str = ""
    """Of the run, as soon as it is in the database."""


@dataclass(frozen=True)
class _Order:
    """What was asked on the command line, and the way through it."""

    boards: tuple[str, ...]
    board_wait_s: float
    detach: bool
    quiet: bool
    as_json: bool

    async def submit(self, places: Places, sweep: Sweep, files: list[ResolvedFile]) -> None:
        """Queue the run and, unless it is to go on by itself, see it through."""
        from farm.cli.watching import attended

        run_id = new_run_id(sweep.name)
        async with self._farm(places) as session:
            wait_s = self.board_wait_s
            if session.check is not None:
                # Our own agent is the only one that will ever come: once it is here there is nothing to wait for.
                arrival = _attached_boards(session.client, self.board_wait_s)
                await attended(arrival, session.interrupt, session.check)
                wait_s = 0.0
            asked = self._put_and_queue(session.client, run_id, sweep, files, wait_s)
            queued = await attended(asked, session.interrupt, session.check)
            session.run_id = run_id
            if not self.quiet and not (self.detach and self.as_json):
                aside = f", {queued.unsupported} of them unsupported" if queued.unsupported else ""
                say(f"run {run_id}: {queued.jobs} jobs{aside}")
            if self.detach:
                self._say_detached(run_id)
                return
            await self._watch(places, session, sweep.name)

    async def plan(self, places: Places, sweep: Sweep, files: list[ResolvedFile]) -> None:
        """What submitting would do, on the boards that are there now."""
        from farm.cli.watching import attended
        from farm.sweeps.expand import expand
        from farm.sweeps.plan import make_plan

        async with self._farm(places) as session:
            looking = _attached_boards(session.client, self.board_wait_s)
            boards = await attended(looking, session.interrupt, session.check)
        expansion = expand(sweep, run_id="dry-run", files=[file.file for file in files], boards=boards)
        plan = make_plan(sweep, expansion)
        if self.as_json:
            typer.echo(plan.to_json())
            return
        from farm.report.plan import plan_view

        print_view(plan_view(plan))

    def find_to_resume(self, places: Places, typed: str) -> RunEntry | None:
        """The run that was named, or the newest unfinished one; None when it is over, and its report is given."""
        from farm.cli.standing import reading
        from farm.model.job import RunState
        from farm.store.queries import find_run, latest_unfinished_run

        with reading(places) as store:
            run = find_run(store, typed) if typed else latest_unfinished_run(store)
        if run.state is RunState.OPEN:
            return run
        say(f"Run {run.run_id} is {run.state.value} already.")
        _report(places, run.run_id, self.as_json)
        return None

    async def resume(self, places: Places, run: RunEntry) -> None:
        """Go on with what is left of a run."""
        from farm.cli.standing import reading
        from farm.store.queries import run_progress

        async with self._farm(places, run.run_id) as session:
            if not self.quiet:
                with reading(places) as store:
                    known = run_progress(store, run.run_id)
                say(f"run {run.run_id}: going on with {known.total - known.finished} of {known.total} jobs")
            await self._watch(places, session, run.name)

    @asynccontextmanager
    async def _farm(self, places: Places, run_id: str = "") -> AsyncIterator[_Session]:
        """The standing coordinator, or one of our own. Where it fails, the error says how the run goes on."""
        from functools import partial

        from farm.cli.logs import log_to_file
        from farm.cli.standing import open_farm
        from farm.cli.watching import Interrupt
        from farm.coordinator.local import AgentEndedError
        from farm.errors import CoordinatorError, StoreError

        session: _Session | None = None
        try:
            with log_to_file(places), Interrupt() as interrupt:
                async with open_farm(places, boards=self.boards, notice=say) as (client, engine):
                    if engine is not None:
                        interrupt.insist = partial(_stop_at_once, engine)
                    session = _Session(client, engine.check if engine is not None else None, interrupt, run_id)
                    yield session
        except (CoordinatorError, StoreError) as error:
            if isinstance(error, AgentEndedError) and error.status == _AGENTS_BAD_OPTIONS and self.boards:
                raise typer.BadParameter(error.reason, param_hint="--board") from error
            if session is not None and session.run_id:
                error.hint = "\n".join(part for part in (error.hint, _how_to_go_on(places, session.run_id)) if part)
            raise

    async def _put_and_queue(
        self, client: FarmClient, run_id: str, sweep: Sweep, files: list[ResolvedFile], board_wait_s: float
    ) -> Submitted:
        for file in files:
            await client.put_artifact(file.path, file.file.artifact)
            if file.golden_path is not None and file.file.golden is not None:
                await client.put_artifact(file.golden_path, file.file.golden)
        return await client.submit(
            run_id=run_id,
            sweep_json=sweep.to_json(),
            files=[file.file for file in files],
            submitted_by=_user(),
            board_wait_s=board_wait_s,
        )

    async def _watch(self, places: Places, session: _Session, title: str) -> None:
        from farm.cli.standing import reading
        from farm.cli.watching import left_message, watch_until_finished
        from farm.errors import InterruptedRunError
        from farm.report.run_view import RunView

        view = RunView(session.run_id)
        with reading(places) as store:
            finished = await watch_until_finished(
                session.client, store, view, title, session.interrupt, quiet=self.quiet, check=session.check
            )
        if finished:
            _report(places, view.run_id, self.as_json)
            return
        if session.check is None:
            raise left_message(view)
        say("stopping: the runner is ended, the board is put back, what was measured is kept (Ctrl-C again: at once)")
        raise InterruptedRunError(
            f"Interrupted; {view.done} of {len(view.jobs)} jobs are finished and kept.",
            hint=f"Go on: farm submit --resume {view.run_id}    Look: farm results {view.run_id}",
        )

    def _say_detached(self, run_id: str) -> None:
        if self.as_json:
            print_json({"run": run_id})
        else:
            say(f"Queued. Watch it: farm watch {run_id}    Its numbers: farm results {run_id}")


def _stop_at_once(engine: LocalEngine) -> None:
    say("stopping at once: runners are killed; what is not put back now is put back at the next start")
    engine.hurry()


def _how_to_go_on(places: Places, run_id: str) -> str:
    from farm.cli.standing import reading
    from farm.errors import FarmError
    from farm.store.queries import run_progress

    try:
        with reading(places) as store:
            known = run_progress(store, run_id)
        done = f"{known.finished} of {known.total} jobs are finished and kept; go on with the others"
    except FarmError:  # it may be the very thing that failed
        done = "Go on"
    return f"{done}: farm submit --resume {run_id}"


def new_run_id(name: str) -> str:
    """Made here, not by the coordinator: a submit whose answer was lost is repeated under the same id.

    The name, the time in UTC, and enough chance that two never meet: `quickstart-20260412-153012-9f3a`.
    """
    import re
    import secrets
    from datetime import datetime, timezone

    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    return f"{stem}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def load_sweep(path: Path, places: Places) -> tuple[Sweep, list[ResolvedFile]]:
    """The sweep and its model files; raises SweepError and ModelFileError."""
    from farm.errors import SweepError
    from farm.modelfiles.resolve import resolve
    from farm.sweeps.load import load

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SweepError(
            f"{path}: there is no such file.", hint="Sweeps to start from: examples/*.yaml, quickstart.yaml first."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(f"{path}: cannot be read as text: {error}", hint="A sweep is a YAML file in UTF-8.") from None
    sweep = load(text, str(path))
    return sweep, resolve(sweep, path.parent, places.models)


async def _attached_boards(client: FarmClient, patience_s: float) -> list[Board]:
    """The boards that are attached; waits for the first."""
    import asyncio

    from farm.model.board import BoardState

    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        status = await client.status()
        boards = [board.board for board in status.boards if board.state is not BoardState.OFFLINE]
        if boards or asyncio.get_running_loop().time() > deadline:
            return boards
        await asyncio.sleep(0.1)


def _report(places: Places, run_id: str, as_json: bool) -> None:
    """The table, where everything is, what to ask next; raises RunFailedError where jobs did not pass."""
    from farm.cli.results import show_run

    show_run(places, run_id, as_json=as_json, closing=True)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the password database: a container with a number for a user
        return "unknown"
