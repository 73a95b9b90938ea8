"""`farm cancel`: end a run, or some of its jobs."""

from __future__ import annotations

import typer

from farm.cli.completion import complete_run
from farm.cli.output import JSON_OPTION, print_json, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("cancel", help="End a run, or some of its jobs; what was measured is kept.")(cancel)


def cancel(
    run: str = typer.Argument(
        ..., help="The run: its id, the beginning of it, or `latest`.", autocompletion=complete_run
    ),
    job: list[str] = typer.Option([], "--job", help="Only this job (repeatable): its id or the beginning of it."),
    reason: str = typer.Option("cancelled on the command line", "--reason", help="Kept in the audit log."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Asks the standing coordinator, or one of our own for a moment: the queue is in the database."""
    import asyncio

    from farm.cli.standing import find_stored_run, job_ids_of, open_farm
    from farm.coordinator.places import Places
    from farm.model.job import RunState

    places = Places.from_environment()
    stored = find_stored_run(places, run)
    run_id = stored.run_id
    job_ids = job_ids_of(places, run_id, job) if job else []

    async def ask() -> int:
        async with open_farm(places, with_agent=False) as (client, _):
            return await client.cancel(run_id, job_ids, reason)

    # A coordinator is not asked about a run that is over: it has forgotten it.
    cancelled = asyncio.run(ask()) if stored.state is RunState.OPEN else 0
    if as_json:
        print_json({"run": run_id, "cancelled": cancelled})
    else:
        say(
            f"run {run_id}: {cancelled} jobs are being cancelled"
            if cancelled
            else f"run {run_id}: nothing was left to cancel"
        )
