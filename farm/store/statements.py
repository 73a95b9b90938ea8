"""The statements of the hot path, built with SQLAlchemy Core and compiled once for each kind of database.

They are executed on the driver with rows as dictionaries: binding each row through SQLAlchemy costs as much as the
database's own work (`benchmarks/store.py`). No column here needs a conversion: text, numbers and bytes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    Connection,
    Double,
    Insert,
    String,
    Table,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from farm.model.attempt import Outcome
from farm.model.job import JobState, RunState
from farm.store.audit import AuditKind
from farm.store.tables import (
    ATTEMPT,
    AUDIT,
    BOARD,
    CONTEXT,
    GATEWAY,
    JOB,
    JOB_SPEC,
    LAUNCH,
    RESULT,
    RUN,
    SAMPLES,
    TELEMETRY,
)

__all__ = [
    "AUDIT_JOBS",
    "CLOSE_ATTEMPT",
    "CLOSE_RUNS",
    "EPOCH",
    "EXPIRE_ATTEMPT",
    "INSERT_AUDIT",
    "INSERT_CONTEXT",
    "INSERT_JOB",
    "INSERT_LAUNCH",
    "INSERT_RESULT",
    "INSERT_SAMPLES",
    "INSERT_SPEC",
    "INSERT_TELEMETRY",
    "LOCK_RUNS",
    "MOVE_JOB",
    "OPEN_ATTEMPT",
    "SETTLED",
    "STANDING",
    "execute_many",
]


def _insert(table: Table, *names: str) -> Insert:
    names = names or tuple(column.name for column in table.c if column is not table.autoincrement_column)
    return insert(table).values({name: bindparam(name) for name in names})


OPEN_ATTEMPT = _insert(ATTEMPT, "job_no", "fence", "attempt", "board_id", "epoch", "claimed_unix_s")
INSERT_JOB = _insert(JOB)
INSERT_LAUNCH = _insert(LAUNCH)
INSERT_SAMPLES = _insert(SAMPLES)
INSERT_TELEMETRY = _insert(TELEMETRY)
INSERT_CONTEXT = _insert(CONTEXT)
INSERT_AUDIT = _insert(AUDIT)

# Shared with other writers of this epoch, but whoever raises it waits until they are done.
EPOCH = select(GATEWAY.c.epoch).where(GATEWAY.c.shard == bindparam("shard")).with_for_update(read=True)

STANDING = (
    select(
        JOB.c.job_no,
        JOB.c.job_id,
        JOB.c.run_id,
        JOB.c.state,
        JOB.c.outcome,
        JOB.c.fence,
        JOB.c.attempts,
        JOB.c.board_id,
        JOB.c.error_kind,
        JOB.c.error,
        JOB.c.failed_boards_json,
    )
    .where(JOB.c.job_id.in_(bindparam("job_ids", expanding=True)))
    # In one order, so that two gateways never wait for each other.
    .order_by(JOB.c.job_no)
    .with_for_update()
)

SETTLED = (
    select(JOB.c.job_id, ATTEMPT.c.fence)
    .join(ATTEMPT, ATTEMPT.c.job_no == JOB.c.job_no)
    .where(JOB.c.job_id.in_(bindparam("job_ids", expanding=True)), ATTEMPT.c.ended_by == "record")
)

MOVE_JOB = (
    update(JOB)
    .where(JOB.c.job_no == bindparam("b_job_no"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "state",
                "outcome",
                "fence",
                "attempts",
                "board_id",
                "changed_unix_s",
                "error_kind",
                "error",
                "failed_boards_json",
            )
        }
    )
)

_THIS_ATTEMPT = (ATTEMPT.c.job_no == bindparam("b_job_no"), ATTEMPT.c.fence == bindparam("b_fence"))
_END = ("ended_unix_s", "ended_by", "outcome", "error_kind", "error")
_REPORT = (
    "log_tail",
    "reported_attempt",
    "started_unix_s",
    "duration_s",
    "environment",
    "isolation",
    "knobs_json",
    "phases_json",
    "throttle_json",
    "verification_json",
)
EXPIRE_ATTEMPT = update(ATTEMPT).where(*_THIS_ATTEMPT).values({name: bindparam(name) for name in _END})
CLOSE_ATTEMPT = update(ATTEMPT).where(*_THIS_ATTEMPT).values({name: bindparam(name) for name in _END + _REPORT})

# A result repeats the job's question and the board's kind; the database copies them, they never pass through here.
_FROM_JOB = ("job_no", "run_id")
_FROM_SPEC = (
    "model_name",
    "model_format",
    "model_sha256",
    "runtime",
    "config_digest",
    "config_json",
    "scenario_kind",
    "scenario_digest",
    "repeat",
)
_FROM_BOARD = ("board_id", "board_type", "provenance")
_GIVEN = tuple(name for name in RESULT.c.keys() if name not in _FROM_JOB + _FROM_SPEC + _FROM_BOARD)  # noqa: SIM118  (columns, not names, come out of the collection itself)


def _typed(name: str) -> BindParameter[Any]:
    # PostgreSQL cannot guess the type of a parameter that is only selected.
    return bindparam(name, type_=RESULT.c[name].type)


INSERT_RESULT = insert(RESULT).from_select(
    [*_FROM_JOB, *_FROM_SPEC, *_FROM_BOARD, *_GIVEN],
    select(
        *(JOB.c[name] for name in _FROM_JOB),
        *(JOB_SPEC.c[name] for name in _FROM_SPEC),
        *(BOARD.c[name] for name in _FROM_BOARD),
        *(_typed(name) for name in _GIVEN),
    )
    # Were one of them missing, the database would refuse the row for its NULLs, not leave it out.
    .select_from(
        JOB.outerjoin(JOB_SPEC, JOB_SPEC.c.job_no == JOB.c.job_no).outerjoin(
            BOARD, BOARD.c.board_id == bindparam("b_board_id")
        )
    )
    .where(JOB.c.job_no == bindparam("b_job_no")),
)

_RUN_IDS = RUN.c.run_id.in_(bindparam("run_ids", expanding=True))
LOCK_RUNS = select(RUN.c.run_id).where(_RUN_IDS).order_by(RUN.c.run_id).with_for_update()
_unfinished = exists().where(
    JOB.c.run_id == RUN.c.run_id, JOB.c.state != literal(JobState.FINISHED.value, literal_execute=True)
)
_cancelled = exists().where(JOB.c.run_id == RUN.c.run_id, JOB.c.outcome == Outcome.CANCELLED.value)
CLOSE_RUNS = (
    update(RUN)
    .where(_RUN_IDS, RUN.c.state == RunState.OPEN.value, ~_unfinished)
    .values(
        finished_unix_s=bindparam("now", type_=Double()),
        state=case((_cancelled, RunState.CANCELLED.value), else_=RunState.FINISHED.value),
    )
    .returning(RUN.c.run_id, RUN.c.state)
)


# Of a run's jobs as they were just inserted; the numbers are the database's, so it makes these rows itself.
_QUESTION = [column for column in JOB_SPEC.c if not column.primary_key]
INSERT_SPEC = insert(JOB_SPEC).from_select(
    ["job_no", *(column.name for column in _QUESTION)],
    select(JOB.c.job_no, *(bindparam(column.name, type_=column.type) for column in _QUESTION)).where(
        JOB.c.job_id == bindparam("b_job_id")
    ),
)
_AT_ONCE = JOB.c.state == JobState.FINISHED.value
AUDIT_JOBS = insert(AUDIT).from_select(
    ["at_unix_s", "epoch", "actor", "kind", "run_id", "job_no", "detail"],
    select(
        bindparam("at_unix_s", type_=Double()),
        bindparam("epoch", type_=BigInteger()),
        bindparam("actor", type_=String()),
        case((_AT_ONCE, AuditKind.FINISHED.value), else_=AuditKind.QUEUED.value),
        JOB.c.run_id,
        JOB.c.job_no,
        case((_AT_ONCE, func.coalesce(JOB.c.outcome, "") + "; " + JOB.c.error), else_=""),
    )
    .where(JOB.c.run_id == bindparam("b_run_id"))
    .order_by(JOB.c.job_no),
)


def execute_many(connection: Connection, statement: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute once for each row; answers how many rows of the table were written, all together."""
    dialect = connection.dialect
    sql = _COMPILED.get((dialect.name, statement))
    if sql is None:
        sql = _COMPILED[dialect.name, statement] = str(statement.compile(dialect=dialect))
    return connection.exec_driver_sql(sql, list(rows)).rowcount


_COMPILED: dict[tuple[str, ClauseElement], str] = {}
