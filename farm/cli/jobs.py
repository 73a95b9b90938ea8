"""`farm jobs`: the jobs of a run, and everything about one."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeVar

import typer

from farm.cli.completion import complete_run
from farm.cli.output import JSON_OPTION, print_json, print_view, terminal_width

if TYPE_CHECKING:
    from farm.coordinator.places import Places

__all__ = ["register"]

E = TypeVar("E", bound=enum.Enum)


def register(app: typer.Typer) -> None:
    app.command("jobs", help="List the jobs of a run, or tell everything about one of them.")(jobs)


def jobs(
    run: str = typer.Argument(
        "latest", help="The run: its id, the beginning of it, or `latest`.", autocompletion=complete_run
    ),
    state: str | None = typer.Option(None, "--state", help="Only these: queued, leased or finished."),
    outcome: str | None = typer.Option(None, "--outcome", help="Only these: passed, failed, unsupported, error, …"),
    job: str | None = typer.Option(None, "--job", help="One job, by the beginning of its id: its life, its wait."),
    as_json: bool = JSON_OPTION,
) -> None:
    """A table, or the life of one job."""
    from farm.cli.standing import board_names, find_stored_run, reading
    from farm.coordinator.places import Places
    from farm.model.attempt import Outcome
    from farm.model.job import JobState
    from farm.store.queries import jobs_of_run

    places = Places.from_environment()
    wanted_state = _one_of(JobState, state, "--state")
    wanted_outcome = _one_of(Outcome, outcome, "--outcome")
    if job is not None:
        _show_one(places, job, as_json)
        return
    run_id = find_stored_run(places, run).run_id
    with reading(places) as store:
        listed = jobs_of_run(store, run_id, state=wanted_state)
        names = board_names(store)
    listed = [entry for entry in listed if wanted_outcome is None or entry.outcome is wanted_outcome]
    if as_json:
        print_json(listed)
        return
    from farm.report.jobs import jobs_table

    print_view(jobs_table(listed, names, terminal_width()))


def _show_one(places: Places, typed: str, as_json: bool) -> None:
    from farm.cli.standing import board_names, is_coordinated, reading
    from farm.report.waiting import what_it_waits_for
    from farm.store.queries import attempts_of_job, audit_of_job, boards, find_job, jobs_of_run

    with reading(places) as store:
        found = find_job(store, typed)
        attempts = attempts_of_job(store, found.job_id)
        audit = audit_of_job(store, found.job_id)
        entries = {entry.board.board_id: entry for entry in boards(store)}
        others = jobs_of_run(store, found.spec.run_id)
        waiting = what_it_waits_for(found, others, entries, coordinated=is_coordinated(places, store))
        names = board_names(store)
    if as_json:
        print_json({"job": found, "waits_for": waiting or None, "attempts": attempts, "audit": audit})
        return
    from farm.report.jobs import job_view

    print_view(job_view(found, attempts, audit, names, waiting))


def _one_of(kind: type[E], text: str | None, option: str) -> E | None:
    """The member of that word; raises BadParameter with all the words there are."""
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        words = ", ".join(str(member.value) for member in kind)
        raise typer.BadParameter(f"{text!r} is none of: {words}", param_hint=option) from None
