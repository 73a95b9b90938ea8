"""`farm results`: the numbers of a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from farm.cli.completion import complete_run
from farm.cli.output import JSON_OPTION, print_json, print_view, say, terminal_width

if TYPE_CHECKING:
    from farm.coordinator.places import Places

__all__ = ["register", "show_run"]

_MOST_LINES = 200
"""Of a table that nobody asked for by name: the end of a submit."""


def register(app: typer.Typer) -> None:
    app.command("results", help="Show the numbers of a run.")(results)


def results(
    run: str = typer.Argument(
        "latest", help="The run: its id, the beginning of it, or `latest`.", autocompletion=complete_run
    ),
    as_json: bool = JSON_OPTION,
    as_csv: bool = typer.Option(False, "--csv", help="Answer with CSV, one line per job."),
) -> None:
    """A table, JSON or CSV; the run may still be going on."""
    from farm.cli.standing import find_stored_run
    from farm.coordinator.places import Places

    places = Places.from_environment()
    show_run(places, find_stored_run(places, run).run_id, as_json=as_json, as_csv=as_csv)


def show_run(
    places: Places, run_id: str, *, as_json: bool = False, as_csv: bool = False, closing: bool = False
) -> None:
    """Print the run; with `closing` also where everything is, and RunFailedError where a job did not pass."""
    from farm.cli.standing import board_names, find_stored_run, reading
    from farm.errors import RunFailedError
    from farm.model.attempt import Outcome
    from farm.report.results import result_row, results_table
    from farm.store.queries import jobs_of_run, results_of_run

    run = find_stored_run(places, run_id)
    with reading(places) as store:
        jobs = jobs_of_run(store, run_id)
        entries = {entry.job_id: entry for entry in results_of_run(store, run_id)}
        names = board_names(store)
    rows = [result_row(job, entries.get(job.job_id), names) for job in jobs] if as_json or as_csv else []
    if as_json:
        print_json({"run": run_id, "name": run.name, "state": run.state.value, "results": rows})
    elif as_csv:
        _print_csv(rows)
    else:
        width = terminal_width()
        most = len(jobs) if width is None or not closing else _MOST_LINES
        print_view(results_table(jobs[:most], entries, names, width))
        if len(jobs) > most:
            say(f"… and {len(jobs) - most} more lines: farm results {run_id}")
    if not closing:
        return
    outcomes = Counter(job.outcome for job in jobs if job.outcome is not None)
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in outcomes.items())
    say(f"\nrun {run_id}: {told}")
    say(f"Everything is kept in {_where(places)}.")
    say(f"Ask next:  farm results {run_id} --json    farm jobs {run_id}    farm runs")
    bad = sum(outcomes[outcome] for outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.LOST))
    if bad:
        first = next(job for job in jobs if job.outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.LOST))
        raise RunFailedError(
            f"{bad} of {len(jobs)} jobs did not pass; the first: {first.error or 'no reason was given'}",
            hint=f"farm jobs {run_id} --outcome {first.outcome.value if first.outcome else 'failed'}",
        )


def _where(places: Places) -> str:
    """The file, or the address without its password."""
    from farm.cli.standing import reading

    with reading(places) as store:
        return store.where


def _print_csv(rows: list[dict[str, Any]]) -> None:
    import csv
    import io
    import json

    heads = list(dict.fromkeys(head for row in rows for head in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, heads, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({head: json.dumps(v) if isinstance(v, (dict, list)) else v for head, v in row.items()})
    typer.echo(text.getvalue(), nl=False)
