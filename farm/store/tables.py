"""The tables: what the farm remembers.

    run ──< job ──< attempt ──< launch ── samples        one row per launch, and its raw latencies apart
             │         ├──────< telemetry                one row per sensor, raw readings
             │         └──────< context                  what held before and after
             ├── job_spec                                the question it asks, which never changes
             └── result                                  the accepted measurement; its key is the job's, so there is one
    board   gateway   artifact   audit

Outside, a job is known by its id, 64 digits at random. Here its rows are keyed by `job_no`, the number that it got when
it was stored: neighbours in time are neighbours on the disk, so a transaction touches a quarter of the pages and a
sync writes as much less. The question stands apart from `job` for the same reason: only the small row changes.

A result repeats what a trend asks for (model, board, config, versions), so that a series is one index range of one
table. `audit` only grows: triggers made by the first migration refuse to change or delete a row of it, and to change
a result.

Times of day are seconds since 1970 UTC (`_unix_s`), durations seconds (`_s`). Columns ending in `_json` hold canonical
JSON (RFC 8785) where a digest is made of them, compact JSON elsewhere. A float that a board could not read, or that
was not a finite number, is NULL: unknown, never zero.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from sqlalchemy import BigInteger, Double, ForeignKeyConstraint, Index, Integer, MetaData, Table, text
from sqlmodel import Field, SQLModel

__all__ = [
    "ARTIFACT",
    "ATTEMPT",
    "AUDIT",
    "BOARD",
    "CONTEXT",
    "GATEWAY",
    "JOB",
    "JOB_SPEC",
    "LAUNCH",
    "RESULT",
    "RUN",
    "SAMPLES",
    "TELEMETRY",
    "ArtifactTable",
    "AttemptTable",
    "AuditTable",
    "BoardTable",
    "ContextTable",
    "FarmTable",
    "GatewayTable",
    "JobSpecTable",
    "JobTable",
    "LaunchTable",
    "ResultTable",
    "RunTable",
    "SamplesTable",
    "TelemetryTable",
]

# SQLite keeps a table in the order of its key, and numbers rows by itself, only where the key's type is INTEGER.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class FarmTable(SQLModel):
    """What the tables share: names for their constraints, so that a later migration can speak of them."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )


class RunTable(FarmTable, table=True):
    """One submission of a sweep; `sweep_json` is its long form."""

    __tablename__ = "run"
    __table_args__ = (Index("ix_run_created", "created_unix_s"),)

    run_id: str = Field(primary_key=True)
    name: str
    submitted_by: str
    created_unix_s: float = Field(sa_type=Double)
    finished_unix_s: float | None = Field(default=None, sa_type=Double)
    state: str
    job_count: int
    sweep_json: str


class JobTable(FarmTable, table=True):
    """A job and where it stands. `failed_boards_json` and `board_ids_json` are arrays."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_run", "run_id"),
        # What a fresh coordinator loads, however long the history has grown.
        Index(
            "ix_job_unfinished",
            "run_id",
            sqlite_where=text("state <> 'finished'"),
            postgresql_where=text("state <> 'finished'"),
        ),
    )

    job_no: int | None = Field(default=None, primary_key=True, sa_type=cast("type[Any]", _NUMBER))
    job_id: str = Field(unique=True)
    run_id: str = Field(foreign_key="run.run_id")
    state: str
    outcome: str | None = None
    fence: int = Field(sa_type=BigInteger)
    attempts: int
    board_id: str
    changed_unix_s: float = Field(sa_type=Double)
    error_kind: str | None = None
    error: str
    failed_boards_json: str
    priority: int
    estimate_s: float = Field(sa_type=Double)
    board_ids_json: str


class JobSpecTable(FarmTable, table=True):
    """The question that a job asks; `model_json` is NULL for a command that needs no model."""

    __tablename__ = "job_spec"

    job_no: int = Field(primary_key=True, foreign_key="job.job_no", sa_type=cast("type[Any]", _NUMBER))
    model_name: str
    model_format: str
    model_sha256: str
    model_json: str | None = None
    runtime: str
    config_digest: str
    config_json: str
    scenario_kind: str
    scenario_digest: str
    scenario_json: str
    gate_json: str
    limits_json: str
    launches: int
    cooldown_s: float = Field(sa_type=Double)
    repeat: int


class AttemptTable(FarmTable, table=True):
    """One try of a job on one board, opened by its claim.

    `ended_by` is NULL while the lease holds, then `record` (the board reported) or `expiry` (it did not). What comes
    from the record is NULL until then. `started_unix_s` is the board's own clock, for people only.
    """

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_board", "board_id", "claimed_unix_s"),)

    job_no: int = Field(primary_key=True, foreign_key="job.job_no", sa_type=BigInteger)
    fence: int = Field(primary_key=True, sa_type=BigInteger)
    attempt: int
    board_id: str = Field(foreign_key="board.board_id")
    epoch: int = Field(sa_type=BigInteger)
    claimed_unix_s: float = Field(sa_type=Double)
    ended_unix_s: float | None = Field(default=None, sa_type=Double)
    ended_by: str | None = None
    outcome: str | None = None
    error_kind: str | None = None
    error: str | None = None
    log_tail: str | None = None
    reported_attempt: int | None = Field(default=None, sa_type=BigInteger)
    started_unix_s: float | None = Field(default=None, sa_type=Double)
    duration_s: float | None = Field(default=None, sa_type=Double)
    environment: str | None = None
    isolation: str | None = None
    knobs_json: str | None = None
    phases_json: str | None = None
    throttle_json: str | None = None
    verification_json: str | None = None


class LaunchTable(FarmTable, table=True):
    """One launch of the runner. `position` is its place in the record, `launch` the number that the board gave it."""

    __tablename__ = "launch"
    __table_args__ = (ForeignKeyConstraint(["job_no", "fence"], ["attempt.job_no", "attempt.fence"]),)

    job_no: int = Field(primary_key=True, sa_type=BigInteger)
    fence: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True)
    launch: int = Field(sa_type=BigInteger)
    load_s: float | None = Field(default=None, sa_type=Double)
    first_inference_s: float | None = Field(default=None, sa_type=Double)
    warmup_count: int = Field(sa_type=BigInteger)
    warmup_s: float | None = Field(default=None, sa_type=Double)
    measure_start_s: float | None = Field(default=None, sa_type=Double)
    measure_s: float | None = Field(default=None, sa_type=Double)
    peak_rss_bytes: int = Field(sa_type=BigInteger)
    conversion_s: float | None = Field(default=None, sa_type=Double)
    overhead_s: float | None = Field(default=None, sa_type=Double)
    runtime_facts_json: str


class SamplesTable(FarmTable, table=True):
    """The raw latencies of a launch, as they came from the board; `devicefarm.columns` explains the codec."""

    __tablename__ = "samples"
    __table_args__ = (
        ForeignKeyConstraint(["job_no", "fence", "position"], ["launch.job_no", "launch.fence", "launch.position"]),
    )

    job_no: int = Field(primary_key=True, sa_type=BigInteger)
    fence: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True)
    codec: str
    count: int = Field(sa_type=BigInteger)
    content: bytes


class TelemetryTable(FarmTable, table=True):
    """The readings of one sensor beside an attempt: two raw columns, stamps in nanoseconds and values in `unit`."""

    __tablename__ = "telemetry"
    __table_args__ = (ForeignKeyConstraint(["job_no", "fence"], ["attempt.job_no", "attempt.fence"]),)

    job_no: int = Field(primary_key=True, sa_type=BigInteger)
    fence: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True)
    sensor: str
    unit: str
    source: str
    at_codec: str
    at_count: int = Field(sa_type=BigInteger)
    at_content: bytes
    values_codec: str
    values_count: int = Field(sa_type=BigInteger)
    values_content: bytes


class ContextTable(FarmTable, table=True):
    """Everything that could explain a different number: `moment` is `before` or `after` the measurement."""

    __tablename__ = "context"
    __table_args__ = (ForeignKeyConstraint(["job_no", "fence"], ["attempt.job_no", "attempt.fence"]),)

    job_no: int = Field(primary_key=True, sa_type=BigInteger)
    fence: int = Field(primary_key=True, sa_type=BigInteger)
    moment: str = Field(primary_key=True)
    digest: str
    context_json: str


class ResultTable(FarmTable, table=True):
    """The accepted measurement of a job: who, where, with what, and the summary of its samples.

    The summary is NULL where the job measured nothing. `runtime_versions_json` is what the runtime said of itself.
    """

    __tablename__ = "result"
    __table_args__ = (
        Index("ix_result_run", "run_id"),
        Index("ix_result_series", "model_sha256", "board_id", "config_digest", "scenario_digest", "recorded_unix_s"),
    )

    job_no: int = Field(primary_key=True, foreign_key="job.job_no", sa_type=cast("type[Any]", _NUMBER))
    fence: int = Field(sa_type=BigInteger)
    run_id: str
    recorded_unix_s: float = Field(sa_type=Double)
    model_name: str
    model_format: str
    model_sha256: str
    runtime: str
    config_digest: str
    config_json: str
    scenario_kind: str
    scenario_digest: str
    repeat: int
    board_id: str
    board_type: str
    provenance: str
    duration_s: float | None = Field(default=None, sa_type=Double)
    environment: str
    isolation: str
    runtime_versions_json: str
    context_digest: str
    verdict: str | None = None
    findings_json: str
    count: int | None = Field(default=None, sa_type=BigInteger)
    batch: int | None = Field(default=None, sa_type=BigInteger)
    throughput_per_s: float | None = Field(default=None, sa_type=Double)
    latency_min_s: float | None = Field(default=None, sa_type=Double)
    latency_mean_s: float | None = Field(default=None, sa_type=Double)
    latency_p50_s: float | None = Field(default=None, sa_type=Double)
    latency_p50_low_s: float | None = Field(default=None, sa_type=Double)
    latency_p50_high_s: float | None = Field(default=None, sa_type=Double)
    latency_p90_s: float | None = Field(default=None, sa_type=Double)
    latency_p99_s: float | None = Field(default=None, sa_type=Double)
    load_s: float | None = Field(default=None, sa_type=Double)
    first_inference_s: float | None = Field(default=None, sa_type=Double)
    peak_rss_bytes: int | None = Field(default=None, sa_type=BigInteger)
    temperature_start_c: float | None = Field(default=None, sa_type=Double)
    temperature_max_c: float | None = Field(default=None, sa_type=Double)
    clock_min_hz: float | None = Field(default=None, sa_type=Double)
    clock_max_hz: float | None = Field(default=None, sa_type=Double)


class BoardTable(FarmTable, table=True):
    """A board: state, health and intent are three columns, each with its reason."""

    __tablename__ = "board"

    board_id: str = Field(primary_key=True)
    board_type: str
    name: str
    provenance: str
    agent_id: str
    state: str
    health: str
    health_evidence: str
    intent: str
    intent_reason: str
    first_seen_unix_s: float = Field(sa_type=Double)
    changed_unix_s: float = Field(sa_type=Double)
    facts_json: str
    tags_json: str
    runtimes_json: str
    knobs_json: str
    sensors_json: str


class GatewayTable(FarmTable, table=True):
    """Who coordinates a shard now, or did last; `epoch` rises with every start."""

    __tablename__ = "gateway"

    shard: str = Field(primary_key=True)
    epoch: int = Field(sa_type=BigInteger)
    pid: int = Field(sa_type=BigInteger)
    host: str
    started_unix_s: float = Field(sa_type=Double)


class ArtifactTable(FarmTable, table=True):
    """A file that the coordinator has, known by its content."""

    __tablename__ = "artifact"

    sha256: str = Field(primary_key=True)
    size_bytes: int = Field(sa_type=BigInteger)
    name: str
    added_unix_s: float = Field(sa_type=Double)


class AuditTable(FarmTable, table=True):
    """What changed, when, on whose behalf; written in the transaction of the change. `kind` is an `AuditKind`."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_job", "job_no"), Index("ix_audit_at", "at_unix_s"))

    audit_id: int | None = Field(default=None, primary_key=True, sa_type=cast("type[Any]", _NUMBER))
    at_unix_s: float = Field(sa_type=Double)
    epoch: int | None = Field(default=None, sa_type=BigInteger)
    actor: str
    kind: str
    run_id: str | None = None
    job_no: int | None = Field(default=None, sa_type=BigInteger)
    board_id: str | None = None
    fence: int | None = Field(default=None, sa_type=BigInteger)
    detail: str


def _table(model: type[SQLModel]) -> Table:
    return cast("Table", cast("Any", model).__table__)


# The same tables for SQLAlchemy Core: what hot paths and queries use.
RUN = _table(RunTable)
JOB = _table(JobTable)
JOB_SPEC = _table(JobSpecTable)
ATTEMPT = _table(AttemptTable)
LAUNCH = _table(LaunchTable)
SAMPLES = _table(SamplesTable)
TELEMETRY = _table(TelemetryTable)
CONTEXT = _table(ContextTable)
RESULT = _table(ResultTable)
BOARD = _table(BoardTable)
GATEWAY = _table(GatewayTable)
ARTIFACT = _table(ArtifactTable)
AUDIT = _table(AuditTable)
