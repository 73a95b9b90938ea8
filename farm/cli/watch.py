"""`farm watch`: look at a run that goes on without you."""

from __future__ import annotations

import typer

from farm.cli.completion import complete_run
from farm.cli.output import JSON_OPTION

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("watch", help="Watch a run on the standing coordinator until it ends; Ctrl-C leaves it running.")(watch)


def watch(
    run: str = typer.Argument(
        "latest", help="The run: its id, the beginning of it, or `latest`.", autocompletion=complete_run
    ),
    as_json: bool = JSON_OPTION,
) -> None:
    """The live matrix, then the table."""
    import asyncio

    asyncio.run(_watch(run, as_json))


async def _watch(run: str, as_json: bool) -> None:
    from farm.cli.results import show_run
    from farm.cli.standing import find_stored_run, standing_client
    from farm.cli.watching import Interrupt, left_message, watch_until_finished
    from farm.coordinator.places import Places
    from farm.model.job import RunState
    from farm.report.run_view import RunView
    from farm.store.store import Store

    places = Places.from_environment()
    stored = find_stored_run(places, run)
    if stored.state is RunState.OPEN:
        view = RunView(stored.run_id)
        with Store.open_readonly(places.database_url) as store, Interrupt() as interrupt:
            async with standing_client(places) as client:
                finished = await watch_until_finished(client, store, view, stored.name, interrupt)
        if not finished:
            raise left_message(view)
    show_run(places, stored.run_id, as_json=as_json, closing=True)
