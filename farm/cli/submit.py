"""`farm submit`: run a sweep and show its numbers.

Goes to the standing coordinator where one is up (`farm up`), else hosts one here with one agent for this machine.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from farm.cli.output import JSON_OPTION, console, print_json, say

if TYPE_CHECKING:
    from farm.cli.watching import Interrupt
    from farm.coordinator.client import FarmClient
    from farm.coordinator.local import LocalEngine
    from farm.coordinator.places import Places
    from farm.model.board import Board
    from farm.modelfiles.resolve import ResolvedFile
    from farm.sweeps.schema import Sweep

__all__ = ["register"]

_BOARD_WAIT_S = 30.0


def register(app: typer.Typer) -> None:
    app.command("submit", help="Run a sweep: models x boards x configs. Needs no server on one machine.")(submit)


def submit(
    sweep: str = typer.Argument(
        "", metavar="SWEEP.yaml", help="The sweep file; with --resume, a run (none: the latest)."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on with an interrupted run; what was measured is kept."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the matrix, the boards and the estimate; run nothing."),
    detach: bool = typer.Option(False, "--detach", help="Queue it on the standing coordinator and return at once."),
    board: list[str] = typer.Option([], "--board", help="Board of the local agent, KIND[:ARGS]: simulated:pi4, say."),
    board_wait_s: float = typer.Option(_BOARD_WAIT_S, "--board-wait", help="Seconds to wait for a board that matches."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show nothing while it runs."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Load, resolve, submit, watch, report."""
    from farm.errors import CoordinatorError, SweepError

    if not sweep and not resume:
        raise SweepError("No sweep file was named.", hint="Try: farm submit examples/quickstart.yaml")
    if detach and board:
        raise CoordinatorError("--board is for the local engine, --detach for the standing coordinator; not both.")
    order = _Order(sweep, resume, dry_run, detach, tuple(board), board_wait_s, quiet, as_json)
    asyncio.run(order.carry_out())


class _Order:
    """What was asked on the command line, and the way through it, top to bottom."""

    def __init__(
        self,
        target: str,
        resume: bool,
        dry_run: bool,
        detach: bool,
        boards: tuple[str, ...],
        board_wait_s: float,
        quiet: bool,
        as_json: bool,
    ) -> None:
        self.target = target
        self.resume = resume
        self.dry_run = dry_run
        self.detach = detach
        self.boards = boards
        self.board_wait_s = board_wait_s
        self.quiet = quiet
        self.as_json = as_json

    async def carry_out(self) -> None:
        from farm.cli.standing import open_farm
        from farm.cli.watching import Interrupt
        from farm.coordinator.places import Places
        from farm.coordinator.service import find_service
        from farm.errors import CoordinatorError

        places = Places.from_environment().create()
        if self.detach and find_service(places) is None:
            raise CoordinatorError("No coordinator is up that could go on without you.", hint="Start one: farm up")
        with Interrupt() as interrupt:
            if self.resume:
                await self._resume(places, interrupt)
                return
            sweep, files = await asyncio.to_thread(load_sweep, Path(self.target), places)
            async with open_farm(places, boards=self.boards) as (client, engine):
                if self.dry_run:
                    await self._show_plan(client, sweep, files, interrupt)
                    return
                run_id = await self._submit(client, sweep, files)
                if self.detach:
                    self._say_detached(run_id)
                    return
                await self._watch(places, client, engine, run_id, sweep.name, interrupt)

    async def _resume(self, places: Places, interrupt: Interrupt) -> None:
        from farm.cli.standing import open_farm, reading
        from farm.model.job import RunState
        from farm.store.queries import find_run, latest_unfinished_run

        with reading(places) as store:
            run = find_run(store, self.target) if self.target else latest_unfinished_run(store)
        if run.state is not RunState.OPEN:
            say(f"Run {run.run_id} is {run.state.value} already.")
            _report(places, run.run_id, self.as_json)
            return
        async with open_farm(places, boards=self.boards) as (client, engine):
            await self._watch(places, client, engine, run.run_id, run.name, interrupt)

    async def _submit(self, client: FarmClient, sweep: Sweep, files: list[ResolvedFile]) -> str:
        run_id = new_run_id(sweep.name)
        for file in files:
            await client.put_artifact(file.path, file.file.artifact)
            if file.golden_path is not None and file.file.golden is not None:
                await client.put_artifact(file.golden_path, file.file.golden)
        submitted = await client.submit(
            run_id=run_id,
            sweep_json=sweep.to_json(),
            files=[file.file for file in files],
            submitted_by=_user(),
            board_wait_s=self.board_wait_s,
        )
        if not self.quiet:
            aside = f", {submitted.unsupported} of them unsupported" if submitted.unsupported else ""
            say(f"run {run_id}: {submitted.jobs} jobs{aside}")
        return run_id

    async def _watch(
        self,
        places: Places,
        client: FarmClient,
        engine: LocalEngine | None,
        run_id: str,
        title: str,
        interrupt: Interrupt,
    ) -> None:
        from farm.cli.standing import reading
        from farm.cli.watching import watch_until_finished
        from farm.errors import InterruptedRunError
        from farm.report.run_view import RunView

        view = RunView(run_id)
        check = engine.check if engine is not None else lambda: None
        with reading(places) as store:
            finished = await watch_until_finished(client, store, view, title, interrupt, quiet=self.quiet, check=check)
        if finished:
            _report(places, run_id, self.as_json)
            return
        if engine is None:
            raise InterruptedRunError(
                f"You left; the run goes on ({view.done} of {len(view.jobs)} jobs are finished).",
                hint=f"Look again: farm watch {run_id}    Stop it: farm cancel {run_id}",
            )
        say("stopping: the runner is ended, the board is put back, what was measured is kept")
        raise InterruptedRunError(
            f"Interrupted; {view.done} of {len(view.jobs)} jobs are finished and kept.",
            hint=f"Go on: farm submit --resume {run_id}    Look: farm results {run_id}",
        )

    async def _show_plan(
        self, client: FarmClient, sweep: Sweep, files: list[ResolvedFile], interrupt: Interrupt
    ) -> None:
        from farm.sweeps.expand import expand
        from farm.sweeps.plan import make_plan

        boards = await _attached_boards(client, self.board_wait_s, interrupt)
        expansion = expand(sweep, run_id="dry-run", files=[file.file for file in files], boards=boards)
        plan = make_plan(sweep, expansion)
        if self.as_json:
            typer.echo(plan.to_json())
            return
        from farm.report.plan import plan_view

        console().print(plan_view(plan))

    def _say_detached(self, run_id: str) -> None:
        if self.as_json:
            print_json({"run": run_id})
        else:
            say(f"Queued. Watch it: farm watch {run_id}    Its numbers: farm results {run_id}")


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


async def _attached_boards(client: FarmClient, patience_s: float, interrupt: Interrupt) -> list[Board]:
    """The boards that are attached; waits for the first."""
    from farm.model.board import BoardState

    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        status = await client.status()
        boards = [board.board for board in status.boards if board.state is not BoardState.OFFLINE]
        if boards or interrupt.asked.is_set() or asyncio.get_running_loop().time() > deadline:
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
