"""`farm jobs`: the jobs of a run, and everything about one."""

from __future__ import annotations

import typer

from farm.cli.output import JSON_OPTION, console, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    app.command("jobs", help="List the jobs of a run, or tell everything about one of them.")(jobs)


def jobs(
    run: str = typer.Argument("latest", help="The run: its id, the beginning of it, or `latest`."),
    state: str | None = typer.Option(None, "--state", help="Only these: queued, leased or finished."),
    outcome: str | None = typer.Option(None, "--outcome", help="Only these: passed, failed, unsupported, error, …"),
    job: str | None = typer.Option(None, "--job", help="One job, by the beginning of its id: attempts, log, history."),
    as_json: bool = JSON_OPTION,
) -> None:
    """A table, or the life of one job."""
    from farm.cli.standing import find_stored_run, reading
    from farm.coordinator.places import Places
    from farm.model.attempt import Outcome
    from farm.model.job import JobState
    from farm.store.queries import attempts_of_job, audit_of_job, find_job, jobs_of_run

    places = Places.from_environment()
    wanted_state = _one_of(JobState, state, "--state")
    wanted_outcome = _one_of(Outcome, outcome, "--outcome")
    if job is not None:
        with reading(places) as store:
            found = find_job(store, job)
            attempts = attempts_of_job(store, found.job_id)
            audit = audit_of_job(store, found.job_id)
        if as_json:
            print_json({"job": found, "attempts": attempts, "audit": audit})
            return
        from farm.report.jobs import job_view

        console().print(job_view(found, attempts, audit))
        return
    run_id = find_stored_run(places, run).run_id
    with reading(places) as store:
        listed = jobs_of_run(store, run_id, state=wanted_state)
    listed = [entry for entry in listed if wanted_outcome is None or entry.outcome is wanted_outcome]
    if as_json:
        print_json(listed)
        return
    from farm.report.jobs import jobs_table

    console().print(jobs_table(listed))


def _one_of(kind: type, text: str | None, option: str):  # type: ignore[no-untyped-def]
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        words = ", ".join(member.value for member in kind)  # type: ignore[attr-defined]
        raise typer.BadParameter(f"{text!r} is none of: {words}", param_hint=option) from None
