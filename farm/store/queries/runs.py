"""Runs: which there are, and how far each one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select

from farm.errors import UnknownRunError
from farm.model.attempt import Outcome
from farm.model.job import JobState, RunState
from farm.store.queries.names import find_id
from farm.store.store import Store
from farm.store.tables import JOB, RUN

__all__ = [
    "RunEntry",
    "RunProgress",
    "find_run",
    "get_sweep_json",
    "latest_unfinished_run",
    "list_runs",
    "run_progress",
]

LATEST = "latest"
_HINT = "`farm runs` lists them; `latest` is the newest."


@dataclass(frozen=True)
class RunEntry:
    """One run in a list. `finished_unix_s` is None while a job of it is queued or leased."""

    run_id: str
    name: str
    submitted_by: str
    created_unix_s: float
    finished_unix_s: float | None
    state: RunState
    job_count: int


@dataclass(frozen=True)
class RunProgress:
    """How many jobs of a run stand where; `by_outcome` counts the finished ones."""

    queued: int
    leased: int
    by_outcome: Mapping[Outcome, int]

    @property
    def finished(self) -> int:
        return sum(self.by_outcome.values())

    @property
    def total(self) -> int:
        return self.queued + self.leased + self.finished


_ENTRY: Select[Any] = select(
    RUN.c.run_id,
    RUN.c.name,
    RUN.c.submitted_by,
    RUN.c.created_unix_s,
    RUN.c.finished_unix_s,
    RUN.c.state,
    RUN.c.job_count,
)
_NEWEST_FIRST = (RUN.c.created_unix_s.desc(), RUN.c.run_id.desc())


def list_runs(store: Store, *, limit: int = 50, state: RunState | None = None) -> list[RunEntry]:
    """The newest runs first."""
    query = _ENTRY.order_by(*_NEWEST_FIRST).limit(limit)
    if state is not None:
        query = query.where(RUN.c.state == state.value)
    with store.read() as connection:
        return [_entry(row) for row in connection.execute(query)]


def find_run(store: Store, name: str) -> RunEntry:
    """The run of that id, or the only one whose id begins so, or the newest where `name` is `latest`.

    Raises `UnknownRunError` with the near misses.
    """
    with store.read() as connection:
        if name == LATEST:
            newest = connection.execute(_ENTRY.order_by(*_NEWEST_FIRST).limit(1)).first()
            if newest is None:
                raise UnknownRunError("There is no run yet.", hint="`farm submit SWEEP` makes one.")
            return _entry(newest)
        run_id = find_id(connection, RUN, RUN.c.run_id, name, kind="run", hint=_HINT)
        return _entry(connection.execute(_ENTRY.where(RUN.c.run_id == run_id)).one())


def latest_unfinished_run(store: Store) -> RunEntry:
    """The newest run that is still open. Raises `UnknownRunError` where all are done."""
    open_runs = list_runs(store, limit=1, state=RunState.OPEN)
    if not open_runs:
        raise UnknownRunError("Every run is finished.", hint=_HINT)
    return open_runs[0]


def get_sweep_json(store: Store, run_id: str) -> str:
    """The sweep of a run in its long form. Raises `UnknownRunError`."""
    with store.read() as connection:
        sweep_json = connection.execute(select(RUN.c.sweep_json).where(RUN.c.run_id == run_id)).scalar()
    if sweep_json is None:
        raise UnknownRunError(f"There is no run `{run_id}`.", hint=_HINT)
    return str(sweep_json)


def run_progress(store: Store, run_id: str) -> RunProgress:
    """Count a run's jobs. A run that does not exist has none."""
    query = select(JOB.c.state, JOB.c.outcome, func.count()).where(JOB.c.run_id == run_id)
    by_outcome: dict[Outcome, int] = {}
    unfinished: dict[str, int] = {}
    with store.read() as connection:
        for state, outcome, count in connection.execute(query.group_by(JOB.c.state, JOB.c.outcome)):
            if state == JobState.FINISHED.value:
                by_outcome[Outcome(outcome)] = count
            else:
                unfinished[state] = unfinished.get(state, 0) + count
    return RunProgress(
        queued=unfinished.get(JobState.QUEUED.value, 0),
        leased=unfinished.get(JobState.LEASED.value, 0),
        by_outcome=by_outcome,
    )


def _entry(row: Row[Any]) -> RunEntry:
    return RunEntry(
        run_id=row.run_id,
        name=row.name,
        submitted_by=row.submitted_by,
        created_unix_s=row.created_unix_s,
        finished_unix_s=row.finished_unix_s,
        state=RunState(row.state),
        job_count=row.job_count,
    )
