"""`farm runs`: which runs there are."""

from __future__ import annotations

import typer

from farm.cli.output import JSON_OPTION, print_json, print_view, say, terminal_width

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("runs", help="List runs, the newest first.")(runs)


def runs(
    limit: int = typer.Option(20, "--limit", "-n", min=1, help="At most so many."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Each with how far it is."""
    from farm.cli.standing import reading
    from farm.coordinator.places import Places
    from farm.errors import UnknownRunError
    from farm.store.queries import list_runs, run_progress

    try:
        with reading(Places.from_environment()) as store:
            entries = [(entry, run_progress(store, entry.run_id)) for entry in list_runs(store, limit=limit)]
    except UnknownRunError as nothing_yet:
        say(f"{nothing_yet.message} {nothing_yet.hint}")
        entries = []
    if as_json:
        print_json(
            [
                {
                    "run": entry.run_id,
                    "name": entry.name,
                    "state": entry.state,
                    "submitted_by": entry.submitted_by,
                    "created_unix_s": entry.created_unix_s,
                    "finished_unix_s": entry.finished_unix_s,
                    "jobs": entry.job_count,
                    "finished": progress.finished,
                    "outcomes": {outcome.value: count for outcome, count in progress.by_outcome.items()},
                }
                for entry, progress in entries
            ]
        )
        return
    if not entries:
        return
    from farm.report.runs import runs_table

    print_view(runs_table(entries, terminal_width()))
