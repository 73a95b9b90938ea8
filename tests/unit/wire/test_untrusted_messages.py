"""What no honest peer sends is refused, and the refusal names the field."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devicefarm.v1 import attempt_pb2, board_pb2, control_pb2, gateway_pb2, job_pb2
from farm.errors import WireError
from farm.model.attempt import AttemptRecord, Column, Launch, Lease, Outcome, SensorSeries, Telemetry
from farm.model.job import ArtifactRef, Config, JobSpec
from farm.wire.attempt import columns_as_artifacts, from_record, to_record
from farm.wire.board import from_board
from farm.wire.control import from_intent, from_job_change
from farm.wire.gateway import AgentProgress, from_event, from_hello, lease_of_record
from farm.wire.job import from_artifact, from_job_spec, from_lease, to_job_spec

LAUNCH = Launch(0, 0.1, 0.1, 1, 0.1, 0.2, 1.0, Column("i64-delta-zlib", 3, b"x"), 1, 0.0, 0.0)
SERIES = SensorSeries("t", "C", "s", Column("i64-delta-zlib", 3, b"x"), Column("f64-zlib", 3, b"x"))
RECORD = AttemptRecord(
    Lease("job", 1), "board", 1, Outcome.PASSED, launches=(LAUNCH,), telemetry=Telemetry(series=(SERIES,))
)
SPEC = JobSpec("job", "run", None, Config("onnxruntime"))


def _spoil_outcome(record: attempt_pb2.AttemptRecord) -> None:
    record.outcome = 99  # type: ignore[assignment]


def _spoil_kind(record: attempt_pb2.AttemptRecord) -> None:
    record.error_kind = 99  # type: ignore[assignment]


def _forget_outcome(record: attempt_pb2.AttemptRecord) -> None:
    record.outcome = attempt_pb2.OUTCOME_UNSPECIFIED


def _no_job(record: attempt_pb2.AttemptRecord) -> None:
    record.job_id = ""


def _no_board(record: attempt_pb2.AttemptRecord) -> None:
    record.board_id = ""


def _fence_beyond_sql(record: attempt_pb2.AttemptRecord) -> None:
    record.fence = 2**64 - 1


def _attempt_beyond_sql(record: attempt_pb2.AttemptRecord) -> None:
    record.attempt = 2**32 - 1


def _negative_duration(record: attempt_pb2.AttemptRecord) -> None:
    record.duration_s = -1.0


def _endless_duration(record: attempt_pb2.AttemptRecord) -> None:
    record.duration_s = math.inf


def _unknown_phase(record: attempt_pb2.AttemptRecord) -> None:
    record.phases.add(phase=77)


def _span_of_nan(record: attempt_pb2.AttemptRecord) -> None:
    record.phases.add(phase=attempt_pb2.PHASE_LOAD, start_s=math.nan)


def _no_latencies(record: attempt_pb2.AttemptRecord) -> None:
    record.launches[0].ClearField("latency_ns")


def _latencies_as_floats(record: attempt_pb2.AttemptRecord) -> None:
    record.launches[0].latency_ns.codec = "f64-zlib"


def _no_content(record: attempt_pb2.AttemptRecord) -> None:
    record.launches[0].latency_ns.ClearField("inline")


def _values_as_integers(record: attempt_pb2.AttemptRecord) -> None:
    record.telemetry.series[0].values.codec = "i64-delta-zlib"


def _more_values_than_stamps(record: attempt_pb2.AttemptRecord) -> None:
    record.telemetry.series[0].values.count = 4


def _negative_error(record: attempt_pb2.AttemptRecord) -> None:
    record.verification.max_abs_error = -0.5


def _digest_of_outputs(record: attempt_pb2.AttemptRecord) -> None:
    record.verification.output_sha256 = "ABC"


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (_spoil_outcome, "record.outcome"),
        (_forget_outcome, "record.outcome"),
        (_spoil_kind, "record.error_kind"),
        (_no_job, "record.job_id"),
        (_no_board, "record.board_id"),
        (_fence_beyond_sql, "record.fence"),
        (_attempt_beyond_sql, "record.attempt"),
        (_negative_duration, "record.duration_s"),
        (_endless_duration, "record.duration_s"),
        (_unknown_phase, "record.phases.phase"),
        (_span_of_nan, "record.phases.start_s"),
        (_no_latencies, "record.launches.latency_ns"),
        (_latencies_as_floats, "record.launches.latency_ns.codec"),
        (_no_content, "record.launches.latency_ns"),
        (_values_as_integers, "record.telemetry.series.values.codec"),
        (_more_values_than_stamps, "record.telemetry.series"),
        (_negative_error, "record.verification.max_abs_error"),
        (_digest_of_outputs, "record.verification.output_sha256"),
    ],
)
def test_a_spoilt_record_is_refused_by_its_field(
    spoil: Callable[[attempt_pb2.AttemptRecord], None], field: str
) -> None:
    message = to_record(RECORD)
    assert from_record(message) == RECORD

    spoil(message)

    with pytest.raises(WireError, match=f"^{field} "):
        from_record(message)


@pytest.mark.parametrize("part", ["config", "scenario", "gate", "limits"])
def test_a_job_must_be_whole(part: str) -> None:
    message = to_job_spec(SPEC)
    message.ClearField(part)
    with pytest.raises(WireError, match=f"job.{part} is missing"):
        from_job_spec(message)


def test_a_model_without_its_file_is_refused() -> None:
    message = to_job_spec(SPEC)
    message.model.name = "cnn"
    with pytest.raises(WireError, match=r"job\.model\.artifact is missing"):
        from_job_spec(message)


@pytest.mark.parametrize("sha256", ["", "abc", "G" * 64, "A" * 64, "a" * 64 + "\n", "../" + "a" * 61])
def test_only_a_digest_is_a_digest(sha256: str) -> None:
    with pytest.raises(WireError, match=r"artifact\.sha256"):
        from_artifact(job_pb2.ArtifactRef(sha256=sha256))


@pytest.mark.parametrize("job_id", ["", "x" * 513, "a\nb", "a\0b"])
def test_an_identity_is_a_printable_word(job_id: str) -> None:
    with pytest.raises(WireError, match=r"lease\.job_id"):
        from_lease(job_pb2.LeaseRef(job_id=job_id))


def test_a_board_says_where_its_numbers_come_from() -> None:
    with pytest.raises(WireError, match=r"board\.provenance"):
        from_board(board_pb2.Board(board_id="b", board_type="linux"))


def test_a_hello_names_no_board_twice() -> None:
    board = board_pb2.Board(board_id="b", board_type="linux", provenance=board_pb2.PROVENANCE_HARDWARE)
    with pytest.raises(WireError, match="twice"):
        from_hello(gateway_pb2.Hello(agent_id="a", instance="i", boards=[board, board]))


def test_an_event_from_the_future_is_refused() -> None:
    with pytest.raises(WireError, match="kind"):
        from_event(gateway_pb2.AgentEvent(), "agent")


@pytest.mark.parametrize(
    ("sent", "understood"), [(-1.0, 0.0), (math.nan, 0.0), (0.5, 0.5), (7.0, 1.0), (math.inf, 1.0)]
)
def test_an_estimate_out_of_range_is_bent_not_refused(sent: float, understood: float) -> None:
    event = gateway_pb2.AgentEvent(
        progress=gateway_pb2.Progress(lease=job_pb2.LeaseRef(job_id="job", fence=1), fraction=sent)
    )
    assert from_event(event, "agent") == AgentProgress(Lease("job", 1), understood, "")


def test_nul_in_a_log_becomes_a_replacement_character() -> None:
    message = to_record(RECORD)
    message.log_tail = "core\0dumped"
    assert from_record(message).log_tail == "core\ufffddumped"


def test_outputs_with_nan_differ_infinitely() -> None:
    message = to_record(RECORD)
    message.verification.max_abs_error = math.nan
    verification = from_record(message).verification
    assert verification is not None
    assert verification.max_abs_error == math.inf


def test_a_column_put_as_an_artifact_is_read_back_in() -> None:
    message = to_record(RECORD)
    message.launches[0].latency_ns.artifact.sha256 = "a" * 64
    message.telemetry.series[0].values.artifact.sha256 = "b" * 64
    contents = {"a" * 64: b"latencies", "b" * 64: b"readings"}

    def content_of(ref: ArtifactRef) -> bytes:
        return contents[ref.sha256]

    assert len(list(columns_as_artifacts(message))) == 2
    record = from_record(message, content_of)
    assert record.launches[0].latency_ns.content == b"latencies"
    assert record.telemetry.series[0].values.content == b"readings"
    with pytest.raises(WireError, match="has no content"):
        from_record(message)


def test_whose_a_record_is_can_be_read_whatever_else_is_wrong() -> None:
    message = to_record(RECORD)
    _spoil_outcome(message)
    assert lease_of_record(message) == (Lease("job", 1), "board")


def test_an_unknown_state_of_a_job_is_refused() -> None:
    with pytest.raises(WireError, match=r"changes\.state"):
        from_job_change(control_pb2.JobChange(job_id="j", state="flying"))


def test_an_unknown_intent_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WireError, match="enabled, draining, disabled"):
        from_intent("on")


@given(st.binary(max_size=300))
def test_noise_is_a_value_or_a_wire_error_never_anything_else(noise: bytes) -> None:
    """Bytes that happen to parse as a message must not raise what nobody catches."""
    try:
        message = gateway_pb2.AgentEvent.FromString(noise)
    except Exception:  # protobuf's own refusal
        return
    try:
        from_event(message, "agent")
        if message.WhichOneof("event") == "record":
            from_record(message.record)
    except WireError:
        pass
