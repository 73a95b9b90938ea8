"""The first tables, and the triggers that keep the audit log and accepted results as they were written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_tables()
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def _guard_on_sqlite() -> None:
    for table, act in (("audit", "UPDATE"), ("audit", "DELETE"), ("result", "UPDATE")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} stay as they were written'); END"
        )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION farm_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of % stay as they were written', TG_TABLE_NAME; END $$"
    )
    for table, acts in (("audit", "UPDATE OR DELETE OR TRUNCATE"), ("result", "UPDATE")):
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE {acts} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION farm_refuse()"
        )


def _make_tables() -> None:
    op.create_table(
        "artifact",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("added_unix_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifact")),
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_unix_s", sa.Double(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("job_no", sa.BigInteger(), nullable=True),
        sa.Column("board_id", sa.String(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at_unix_s"], unique=False)
    op.create_index("ix_audit_job", "audit", ["job_no"], unique=False)
    op.create_table(
        "board",
        sa.Column("board_id", sa.String(), nullable=False),
        sa.Column("board_type", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("health", sa.String(), nullable=False),
        sa.Column("health_evidence", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("intent_reason", sa.String(), nullable=False),
        sa.Column("first_seen_unix_s", sa.Double(), nullable=False),
        sa.Column("changed_unix_s", sa.Double(), nullable=False),
        sa.Column("facts_json", sa.String(), nullable=False),
        sa.Column("tags_json", sa.String(), nullable=False),
        sa.Column("runtimes_json", sa.String(), nullable=False),
        sa.Column("knobs_json", sa.String(), nullable=False),
        sa.Column("sensors_json", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("board_id", name=op.f("pk_board")),
    )
    op.create_table(
        "gateway",
        sa.Column("shard", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("started_unix_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_gateway")),
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("created_unix_s", sa.Double(), nullable=False),
        sa.Column("finished_unix_s", sa.Double(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("job_count", sa.Integer(), nullable=False),
        sa.Column("sweep_json", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_created", "run", ["created_unix_s"], unique=False)
    op.create_table(
        "job",
        sa.Column("job_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.String(), nullable=False),
        sa.Column("changed_unix_s", sa.Double(), nullable=False),
        sa.Column("error_kind", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("failed_boards_json", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("estimate_s", sa.Double(), nullable=False),
        sa.Column("board_ids_json", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_job_run")),
        sa.PrimaryKeyConstraint("job_no", name=op.f("pk_job")),
        sa.UniqueConstraint("job_id", name=op.f("uq_job_job_id")),
    )
    op.create_index("ix_job_run", "job", ["run_id"], unique=False)
    op.create_index(
        "ix_job_unfinished",
        "job",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("state <> 'finished'"),
        postgresql_where=sa.text("state <> 'finished'"),
    )
    op.create_table(
        "attempt",
        sa.Column("job_no", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("claimed_unix_s", sa.Double(), nullable=False),
        sa.Column("ended_unix_s", sa.Double(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("error_kind", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("log_tail", sa.String(), nullable=True),
        sa.Column("reported_attempt", sa.BigInteger(), nullable=True),
        sa.Column("started_unix_s", sa.Double(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("environment", sa.String(), nullable=True),
        sa.Column("isolation", sa.String(), nullable=True),
        sa.Column("knobs_json", sa.String(), nullable=True),
        sa.Column("phases_json", sa.String(), nullable=True),
        sa.Column("throttle_json", sa.String(), nullable=True),
        sa.Column("verification_json", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["board_id"], ["board.board_id"], name=op.f("fk_attempt_board")),
        sa.ForeignKeyConstraint(["job_no"], ["job.job_no"], name=op.f("fk_attempt_job")),
        sa.PrimaryKeyConstraint("job_no", "fence", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_board", "attempt", ["board_id", "claimed_unix_s"], unique=False)
    op.create_table(
        "job_spec",
        sa.Column("job_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_format", sa.String(), nullable=False),
        sa.Column("model_sha256", sa.String(), nullable=False),
        sa.Column("model_json", sa.String(), nullable=True),
        sa.Column("runtime", sa.String(), nullable=False),
        sa.Column("config_digest", sa.String(), nullable=False),
        sa.Column("config_json", sa.String(), nullable=False),
        sa.Column("scenario_kind", sa.String(), nullable=False),
        sa.Column("scenario_digest", sa.String(), nullable=False),
        sa.Column("scenario_json", sa.String(), nullable=False),
        sa.Column("gate_json", sa.String(), nullable=False),
        sa.Column("limits_json", sa.String(), nullable=False),
        sa.Column("launches", sa.Integer(), nullable=False),
        sa.Column("cooldown_s", sa.Double(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_no"], ["job.job_no"], name=op.f("fk_job_spec_job")),
        sa.PrimaryKeyConstraint("job_no", name=op.f("pk_job_spec")),
    )
    op.create_table(
        "result",
        sa.Column("job_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("recorded_unix_s", sa.Double(), nullable=False),
        sa.Column("model_name", sa.String(), nullable=False),
        sa.Column("model_format", sa.String(), nullable=False),
        sa.Column("model_sha256", sa.String(), nullable=False),
        sa.Column("runtime", sa.String(), nullable=False),
        sa.Column("config_digest", sa.String(), nullable=False),
        sa.Column("config_json", sa.String(), nullable=False),
        sa.Column("scenario_kind", sa.String(), nullable=False),
        sa.Column("scenario_digest", sa.String(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.String(), nullable=False),
        sa.Column("board_type", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("isolation", sa.String(), nullable=False),
        sa.Column("runtime_versions_json", sa.String(), nullable=False),
        sa.Column("context_digest", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("findings_json", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("batch", sa.BigInteger(), nullable=True),
        sa.Column("throughput_per_s", sa.Double(), nullable=True),
        sa.Column("latency_min_s", sa.Double(), nullable=True),
        sa.Column("latency_mean_s", sa.Double(), nullable=True),
        sa.Column("latency_p50_s", sa.Double(), nullable=True),
        sa.Column("latency_p50_low_s", sa.Double(), nullable=True),
        sa.Column("latency_p50_high_s", sa.Double(), nullable=True),
        sa.Column("latency_p90_s", sa.Double(), nullable=True),
        sa.Column("latency_p99_s", sa.Double(), nullable=True),
        sa.Column("load_s", sa.Double(), nullable=True),
        sa.Column("first_inference_s", sa.Double(), nullable=True),
        sa.Column("peak_rss_bytes", sa.BigInteger(), nullable=True),
        sa.Column("temperature_start_c", sa.Double(), nullable=True),
        sa.Column("temperature_max_c", sa.Double(), nullable=True),
        sa.Column("clock_min_hz", sa.Double(), nullable=True),
        sa.Column("clock_max_hz", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["job_no"], ["job.job_no"], name=op.f("fk_result_job")),
        sa.PrimaryKeyConstraint("job_no", name=op.f("pk_result")),
    )
    op.create_index("ix_result_run", "result", ["run_id"], unique=False)
    op.create_index(
        "ix_result_series",
        "result",
        ["model_sha256", "board_id", "config_digest", "scenario_digest", "recorded_unix_s"],
        unique=False,
    )
    op.create_table(
        "context",
        sa.Column("job_no", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("moment", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("context_json", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_no", "fence"], ["attempt.job_no", "attempt.fence"], name=op.f("fk_context_attempt")
        ),
        sa.PrimaryKeyConstraint("job_no", "fence", "moment", name=op.f("pk_context")),
    )
    op.create_table(
        "launch",
        sa.Column("job_no", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("launch", sa.BigInteger(), nullable=False),
        sa.Column("load_s", sa.Double(), nullable=True),
        sa.Column("first_inference_s", sa.Double(), nullable=True),
        sa.Column("warmup_count", sa.BigInteger(), nullable=False),
        sa.Column("warmup_s", sa.Double(), nullable=True),
        sa.Column("measure_start_s", sa.Double(), nullable=True),
        sa.Column("measure_s", sa.Double(), nullable=True),
        sa.Column("peak_rss_bytes", sa.BigInteger(), nullable=False),
        sa.Column("conversion_s", sa.Double(), nullable=True),
        sa.Column("overhead_s", sa.Double(), nullable=True),
        sa.Column("runtime_facts_json", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_no", "fence"], ["attempt.job_no", "attempt.fence"], name=op.f("fk_launch_attempt")
        ),
        sa.PrimaryKeyConstraint("job_no", "fence", "position", name=op.f("pk_launch")),
    )
    op.create_table(
        "telemetry",
        sa.Column("job_no", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sensor", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at_codec", sa.String(), nullable=False),
        sa.Column("at_count", sa.BigInteger(), nullable=False),
        sa.Column("at_content", sa.LargeBinary(), nullable=False),
        sa.Column("values_codec", sa.String(), nullable=False),
        sa.Column("values_count", sa.BigInteger(), nullable=False),
        sa.Column("values_content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_no", "fence"], ["attempt.job_no", "attempt.fence"], name=op.f("fk_telemetry_attempt")
        ),
        sa.PrimaryKeyConstraint("job_no", "fence", "position", name=op.f("pk_telemetry")),
    )
    op.create_table(
        "samples",
        sa.Column("job_no", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("codec", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_no", "fence", "position"],
            ["launch.job_no", "launch.fence", "launch.position"],
            name=op.f("fk_samples_launch"),
        ),
        sa.PrimaryKeyConstraint("job_no", "fence", "position", name=op.f("pk_samples")),
    )
