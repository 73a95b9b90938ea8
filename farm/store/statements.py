"""The statements of the hot path, built once: SQLAlchemy then finds each one's text again without compiling it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    Double,
    bindparam,
    case,
    exists,
    insert,
    literal,
    select,
    update,
)

from farm.model.attempt import Outcome
from farm.model.job import JobState, RunState
from farm.store.tables import (
    ATTEMPT,
    AUDIT,
    BOARD,
    CONTEXT,
    GATEWAY,
    JOB,
    LAUNCH,
    RESULT,
    RUN,
    SAMPLES,
    TELEMETRY,
)

__all__ = [
    "CLOSE_ATTEMPT",
    "CLOSE_RUNS",
    "EPOCH",
    "EXPIRE_ATTEMPT",
    "INSERT",
    "INSERT_RESULT",
    "LOCK_RUNS",
    "MOVE_JOB",
    "SETTLED",
    "STANDING",
]

INSERT = {table.name: insert(table) for table in (ATTEMPT, LAUNCH, SAMPLES, TELEMETRY, CONTEXT, AUDIT)}

# Shared with other writers of this epoch, but whoever raises it waits until they are done.
EPOCH = select(GATEWAY.c.epoch).where(GATEWAY.c.shard == bindparam("shard")).with_for_update(read=True)

STANDING = (
    select(
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
    .order_by(JOB.c.job_id)
    .with_for_update()
)

SETTLED = select(ATTEMPT.c.job_id, ATTEMPT.c.fence).where(
    ATTEMPT.c.job_id.in_(bindparam("job_ids", expanding=True)), ATTEMPT.c.ended_by == "record"
)

MOVE_JOB = (
    update(JOB)
    .where(JOB.c.job_id == bindparam("b_job_id"))
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

_THIS_ATTEMPT = (ATTEMPT.c.job_id == bindparam("b_job_id"), ATTEMPT.c.fence == bindparam("b_fence"))
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
_FROM_JOB = (
    "job_id",
    "run_id",
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
_GIVEN = tuple(name for name in RESULT.c.keys() if name not in _FROM_JOB + _FROM_BOARD)  # noqa: SIM118  (columns, not names, come out of the collection itself)


def _typed(name: str) -> BindParameter[Any]:
    # PostgreSQL cannot guess the type of a parameter that is only selected.
    return bindparam(name, type_=RESULT.c[name].type)


INSERT_RESULT = insert(RESULT).from_select(
    [*_FROM_JOB, *_FROM_BOARD, *_GIVEN],
    select(
        *(JOB.c[name] for name in _FROM_JOB),
        *(BOARD.c[name] for name in _FROM_BOARD),
        *(_typed(name) for name in _GIVEN),
    )
    .select_from(JOB.join(BOARD, BOARD.c.board_id == bindparam("b_board_id")))
    .where(JOB.c.job_id == bindparam("b_job_id")),
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
