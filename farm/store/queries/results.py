"""Results: the summaries of a run or a series, and one with everything that lies behind it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from devicefarm import columns
from farm.errors import StoreError, UnknownRunError
from farm.model.attempt import AttemptRecord, Column
from farm.model.board import Provenance
from farm.model.job import Config, Job, ScenarioKind
from farm.model.result import Summary
from farm.store.queries.jobs import AttemptEntry, AuditEntry, attempts_of_job, audit_of_job, find_job, job_id_of
from farm.store.records import StoredRecord, record_from, summary_from
from farm.store.sanitise import is_storable
from farm.store.store import Store
from farm.store.tables import ATTEMPT, CONTEXT, JOB, LAUNCH, RESULT, SAMPLES, TELEMETRY
from farm.store.values import config_from

__all__ = [
    "ResultEntry",
    "StoredResult",
    "find_result",
    "record_of_attempt",
    "results_of_run",
    "results_of_series",
    "summaries_of_jobs",
    "unpack",
]


@dataclass(frozen=True)
class ResultEntry:
    """A result in a table of many. `summary` is None where the job measured nothing.

    `runtime_versions` is what the runtime said of itself; `context_digest` is of the context before the measurement.
    """

    job_id: str
    run_id: str
    fence: int
    recorded_unix_s: float
    model_name: str
    model_format: str
    model_sha256: str
    config: Config
    config_digest: str
    scenario_kind: ScenarioKind
    scenario_digest: str
    repeat: int
    board_id: str
    board_type: str
    provenance: Provenance
    duration_s: float | None
    environment: str
    isolation: str
    runtime_versions: Mapping[str, str]
    context_digest: str
    summary: Summary | None


@dataclass(frozen=True)
class StoredResult:
    """A result and all that lies behind it. Columns of samples and readings stay packed until `unpack`."""

    entry: ResultEntry
    job: Job
    record: AttemptRecord
    """What the board reported: launches, telemetry, context before and after."""
    attempts: tuple[AttemptEntry, ...]
    audit: tuple[AuditEntry, ...]


_RESULT: Select[Any] = select(RESULT, JOB.c.job_id).join(JOB, JOB.c.job_no == RESULT.c.job_no)


def results_of_run(store: Store, run_id: str) -> list[ResultEntry]:
    """A run's results, in the order in which its jobs were submitted."""
    query = _RESULT.where(RESULT.c.run_id == run_id).order_by(RESULT.c.job_no)
    with store.read() as connection:
        return [_entry(row) for row in connection.execute(query)]


def summaries_of_jobs(store: Store, job_ids: Collection[str]) -> dict[str, Summary]:
    """The summaries of those of the jobs that have one, by job id."""
    query = _RESULT.where(JOB.c.job_id.in_(sorted(filter(is_storable, job_ids))), RESULT.c.verdict.is_not(None))
    with store.read() as connection:
        rows = connection.execute(query)
        return {row.job_id: summary for row in rows if (summary := summary_from(row)) is not None}


def results_of_series(
    store: Store, *, model_sha256: str, board_id: str, config_digest: str, scenario_digest: str
) -> list[ResultEntry]:
    """The history of one question on one board, the oldest first, over all runs and versions."""
    query = _RESULT.where(
        RESULT.c.model_sha256 == model_sha256,
        RESULT.c.board_id == board_id,
        RESULT.c.config_digest == config_digest,
        RESULT.c.scenario_digest == scenario_digest,
    ).order_by(RESULT.c.recorded_unix_s, RESULT.c.job_no)
    with store.read() as connection:
        return [_entry(row) for row in connection.execute(query)]


def find_result(store: Store, name: str) -> StoredResult:
    """The result of the job of that id, or of the only one whose id begins so. Raises `UnknownRunError`."""
    with store.read() as connection:
        job_id = job_id_of(connection, name)
        row = connection.execute(_RESULT.where(JOB.c.job_id == job_id)).first()
        if row is None:
            raise UnknownRunError(
                f"Job {job_id} has no result.", hint="`farm jobs why JOB` says what it waits for or how it ended."
            )
        entry = _entry(row)
        record = _record(connection, job_id, entry.fence)
    return StoredResult(
        entry=entry,
        job=find_job(store, job_id),
        record=record,
        attempts=tuple(attempts_of_job(store, job_id)),
        audit=tuple(audit_of_job(store, job_id)),
    )


def record_of_attempt(store: Store, job_id: str, fence: int) -> AttemptRecord:
    """What the board reported of one attempt, failed ones too. Raises `UnknownRunError` where it never did."""
    with store.read() as connection:
        return _record(connection, job_id, fence)


def unpack(column: Column) -> list[int] | list[float]:
    """The numbers of a column: integers or doubles, as its codec says. Raises `StoreError` on a damaged one."""
    try:
        if column.codec == columns.INTEGERS:
            return columns.unpack_integers(column.content)
        if column.codec == columns.FLOATS:
            return columns.unpack_floats(column.content)
    except (zlib.error, ValueError) as error:
        raise StoreError(
            f"A column of {column.count} numbers is damaged: {error}.",
            hint="It was damaged on the board or in the database.",
        ) from error
    raise StoreError(
        f"A column is packed as `{column.codec}`, which this program does not know.",
        hint="It was written by a newer farm: upgrade this one.",
    )


def _record(connection: Connection, job_id: str, fence: int) -> AttemptRecord:
    this_attempt = select(ATTEMPT).join(JOB, JOB.c.job_no == ATTEMPT.c.job_no).where(JOB.c.job_id == job_id)
    attempt = connection.execute(this_attempt.where(ATTEMPT.c.fence == fence, ATTEMPT.c.ended_by == "record")).first()
    if attempt is None:
        raise UnknownRunError(
            f"No board reported on job {job_id} under fence {fence}.", hint="`farm jobs why JOB` tells what happened."
        )

    def rows(query: Select[Any], table: Any, order: Any) -> list[Row[Any]]:
        mine = query.where(table.c.job_no == attempt.job_no, table.c.fence == fence)
        return list(connection.execute(mine.order_by(order)))

    launch_and_samples = select(LAUNCH, SAMPLES.c.codec, SAMPLES.c.count, SAMPLES.c.content).join(
        SAMPLES,
        (SAMPLES.c.job_no == LAUNCH.c.job_no)
        & (SAMPLES.c.fence == LAUNCH.c.fence)
        & (SAMPLES.c.position == LAUNCH.c.position),
    )
    return record_from(
        StoredRecord(
            job_id=job_id,
            attempt=attempt,
            launches=rows(launch_and_samples, LAUNCH, LAUNCH.c.position),
            telemetry=rows(select(TELEMETRY), TELEMETRY, TELEMETRY.c.position),
            contexts=rows(select(CONTEXT), CONTEXT, CONTEXT.c.moment),
        )
    )


def _entry(row: Row[Any]) -> ResultEntry:
    return ResultEntry(
        job_id=row.job_id,
        run_id=row.run_id,
        fence=row.fence,
        recorded_unix_s=row.recorded_unix_s,
        model_name=row.model_name,
        model_format=row.model_format,
        model_sha256=row.model_sha256,
        config=config_from(row.config_json),
        config_digest=row.config_digest,
        scenario_kind=ScenarioKind(row.scenario_kind),
        scenario_digest=row.scenario_digest,
        repeat=row.repeat,
        board_id=row.board_id,
        board_type=row.board_type,
        provenance=Provenance(row.provenance),
        duration_s=row.duration_s,
        environment=row.environment,
        isolation=row.isolation,
        runtime_versions=json.loads(row.runtime_versions_json),
        context_digest=row.context_digest,
        summary=summary_from(row),
    )
