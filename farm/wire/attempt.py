"""attempt.proto: what an attempt goes through and what it leaves behind.

A record without content (a no-op job, a job that failed early) costs a few microseconds: what is absent is not
visited. A column too large for a message travels as an artifact; `from_record` is then handed a way to read it, and
`columns_as_artifacts` says which ones will be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from devicefarm.columns import FLOATS, INTEGERS
from devicefarm.v1 import attempt_pb2
from farm.errors import WireError
from farm.model.attempt import (
    AttemptRecord,
    Column,
    ErrorKind,
    Launch,
    Lease,
    Outcome,
    Phase,
    PhaseSpan,
    SensorSeries,
    Telemetry,
    ThrottleEvent,
    Verification,
)
from farm.model.job import ArtifactRef
from farm.wire.checks import finite, mapping, name, sha256, small, text, whole
from farm.wire.job import from_artifact

__all__ = [
    "columns_as_artifacts",
    "from_error_kind",
    "from_outcome",
    "from_phase",
    "from_record",
    "to_error_kind",
    "to_outcome",
    "to_phase",
    "to_record",
]

_PHASE: dict[Phase, attempt_pb2.Phase] = {phase: getattr(attempt_pb2, f"PHASE_{phase.name}") for phase in Phase}
_PHASE_BACK = {int(number): phase for phase, number in _PHASE.items()}
_OUTCOME: dict[Outcome, attempt_pb2.Outcome] = {
    outcome: getattr(attempt_pb2, f"OUTCOME_{outcome.name}") for outcome in Outcome
}
_OUTCOME_BACK = {int(number): outcome for outcome, number in _OUTCOME.items()}
_ERROR_KIND: dict[ErrorKind, attempt_pb2.ErrorKind] = {
    kind: getattr(attempt_pb2, f"ERROR_KIND_{kind.name}") for kind in ErrorKind
}
_ERROR_KIND_BACK = {int(number): kind for kind, number in _ERROR_KIND.items()}
_NO_TELEMETRY = Telemetry()


def to_phase(phase: Phase | None) -> attempt_pb2.Phase:
    return attempt_pb2.PHASE_UNSPECIFIED if phase is None else _PHASE[phase]


def from_phase(number: int, field: str = "phase") -> Phase:
    """Raises `WireError`."""
    phase = _PHASE_BACK.get(number)
    if phase is None:
        raise WireError(f"{field} is {number}, which no phase has.")
    return phase


def to_outcome(outcome: Outcome | None) -> attempt_pb2.Outcome:
    return attempt_pb2.OUTCOME_UNSPECIFIED if outcome is None else _OUTCOME[outcome]


def from_outcome(number: int, field: str = "outcome") -> Outcome | None:
    """None where it is unset; raises `WireError`."""
    if number == 0:
        return None
    outcome = _OUTCOME_BACK.get(number)
    if outcome is None:
        raise WireError(f"{field} is {number}, which no outcome has.")
    return outcome


def to_error_kind(kind: ErrorKind | None) -> attempt_pb2.ErrorKind:
    return attempt_pb2.ERROR_KIND_UNSPECIFIED if kind is None else _ERROR_KIND[kind]


def from_error_kind(number: int, field: str = "error_kind") -> ErrorKind | None:
    """None where it is unset; raises `WireError`."""
    if number == 0:
        return None
    kind = _ERROR_KIND_BACK.get(number)
    if kind is None:
        raise WireError(f"{field} is {number}, which no kind of error has.")
    return kind


def to_record(record: AttemptRecord) -> attempt_pb2.AttemptRecord:
    """Every column inline."""
    return attempt_pb2.AttemptRecord(
        job_id=record.lease.job_id,
        fence=record.lease.fence,
        board_id=record.board_id,
        attempt=record.attempt,
        outcome=to_outcome(record.outcome),
        error_kind=to_error_kind(record.error_kind),
        error=record.error,
        log_tail=record.log_tail,
        phases=[
            attempt_pb2.PhaseSpan(phase=_PHASE[span.phase], start_s=span.start_s, end_s=span.end_s, note=span.note)
            for span in record.phases
        ],
        launches=[_to_launch(launch) for launch in record.launches],
        telemetry=_to_telemetry(record.telemetry),
        context_before=attempt_pb2.Context(fields=record.context_before),
        context_after=attempt_pb2.Context(fields=record.context_after),
        verification=None if record.verification is None else _to_verification(record.verification),
        started_unix_s=record.started_unix_s,
        duration_s=record.duration_s,
        environment=record.environment,
        isolation=record.isolation,
        knobs_read_back=record.knobs_read_back,
    )


def from_record(
    message: attempt_pb2.AttemptRecord, content_of: Callable[[ArtifactRef], bytes] | None = None
) -> AttemptRecord:
    """Raises `WireError`, and whatever `content_of` raises for an artifact that is not there."""
    outcome = from_outcome(message.outcome, "record.outcome")
    if outcome is None:
        raise WireError("record.outcome is missing.")
    verification = message.verification if message.HasField("verification") else None
    return AttemptRecord(
        lease=Lease(name(message.job_id, "record.job_id"), whole(message.fence, "record.fence")),
        board_id=name(message.board_id, "record.board_id"),
        attempt=small(message.attempt, "record.attempt"),
        outcome=outcome,
        error_kind=from_error_kind(message.error_kind, "record.error_kind"),
        error=text(message.error),
        log_tail=text(message.log_tail),
        phases=tuple([_from_span(span) for span in message.phases]) if message.phases else (),
        launches=tuple([_from_launch(launch, content_of) for launch in message.launches]) if message.launches else (),
        telemetry=_from_telemetry(message.telemetry, content_of) if message.HasField("telemetry") else _NO_TELEMETRY,
        context_before=mapping(message.context_before.fields) if message.HasField("context_before") else {},
        context_after=mapping(message.context_after.fields) if message.HasField("context_after") else {},
        verification=None if verification is None else _from_verification(verification),
        started_unix_s=finite(message.started_unix_s, "record.started_unix_s"),
        duration_s=finite(message.duration_s, "record.duration_s"),
        environment=text(message.environment),
        isolation=text(message.isolation),
        knobs_read_back=mapping(message.knobs_read_back) if message.knobs_read_back else {},
    )


def columns_as_artifacts(message: attempt_pb2.AttemptRecord) -> Iterator[attempt_pb2.Column]:
    """The columns whose content was put as an artifact."""
    for launch in message.launches:
        if launch.latency_ns.WhichOneof("content") == "artifact":
            yield launch.latency_ns
    for series in message.telemetry.series:
        for column in (series.at_ns, series.values):
            if column.WhichOneof("content") == "artifact":
                yield column


def _to_column(column: Column) -> attempt_pb2.Column:
    return attempt_pb2.Column(codec=column.codec, count=column.count, inline=column.content)


def _from_column(
    message: attempt_pb2.Column, codec: str, field: str, content_of: Callable[[ArtifactRef], bytes] | None
) -> Column:
    if message.codec != codec:
        raise WireError(f"{field}.codec is {message.codec[:80]!r}; {codec!r} was expected.")
    count = whole(message.count, f"{field}.count")
    kind = message.WhichOneof("content")
    if kind == "inline":
        return Column(codec, count, message.inline)
    if kind == "artifact" and content_of is not None:
        return Column(codec, count, content_of(from_artifact(message.artifact, f"{field}.artifact")))
    raise WireError(f"{field} has no content.")


def _from_span(message: attempt_pb2.PhaseSpan) -> PhaseSpan:
    return PhaseSpan(
        phase=from_phase(message.phase, "record.phases.phase"),
        start_s=finite(message.start_s, "record.phases.start_s"),
        end_s=finite(message.end_s, "record.phases.end_s"),
        note=text(message.note),
    )


def _to_launch(launch: Launch) -> attempt_pb2.Launch:
    return attempt_pb2.Launch(
        index=launch.index,
        load_s=launch.load_s,
        first_inference_s=launch.first_inference_s,
        warmup_count=launch.warmup_count,
        warmup_s=launch.warmup_s,
        measure_s=launch.measure_s,
        latency_ns=_to_column(launch.latency_ns),
        peak_rss_bytes=launch.peak_rss_bytes,
        conversion_s=launch.conversion_s,
        overhead_s=launch.overhead_s,
        measure_start_s=launch.measure_start_s,
        runtime_facts=launch.runtime_facts,
    )


def _from_launch(message: attempt_pb2.Launch, content_of: Callable[[ArtifactRef], bytes] | None) -> Launch:
    if not message.HasField("latency_ns"):
        raise WireError("record.launches.latency_ns is missing.")
    return Launch(
        index=small(message.index, "record.launches.index"),
        load_s=finite(message.load_s, "record.launches.load_s"),
        first_inference_s=finite(message.first_inference_s, "record.launches.first_inference_s"),
        warmup_count=whole(message.warmup_count, "record.launches.warmup_count"),
        warmup_s=finite(message.warmup_s, "record.launches.warmup_s"),
        measure_s=finite(message.measure_s, "record.launches.measure_s"),
        latency_ns=_from_column(message.latency_ns, INTEGERS, "record.launches.latency_ns", content_of),
        peak_rss_bytes=whole(message.peak_rss_bytes, "record.launches.peak_rss_bytes"),
        conversion_s=finite(message.conversion_s, "record.launches.conversion_s"),
        overhead_s=finite(message.overhead_s, "record.launches.overhead_s"),
        measure_start_s=finite(message.measure_start_s, "record.launches.measure_start_s"),
        runtime_facts=mapping(message.runtime_facts),
    )


def _to_telemetry(telemetry: Telemetry) -> attempt_pb2.Telemetry | None:
    if telemetry == _NO_TELEMETRY:
        return None
    return attempt_pb2.Telemetry(
        series=[
            attempt_pb2.SensorSeries(
                sensor=series.sensor,
                unit=series.unit,
                source=series.source,
                at_ns=_to_column(series.at_ns),
                values=_to_column(series.values),
            )
            for series in telemetry.series
        ],
        throttle_events=[
            attempt_pb2.ThrottleEvent(
                start_s=event.start_s, end_s=event.end_s, reason=event.reason, sensor=event.sensor
            )
            for event in telemetry.throttle_events
        ],
    )


def _from_telemetry(message: attempt_pb2.Telemetry, content_of: Callable[[ArtifactRef], bytes] | None) -> Telemetry:
    return Telemetry(
        series=tuple([_from_series(series, content_of) for series in message.series]),
        throttle_events=tuple(
            [
                ThrottleEvent(
                    start_s=finite(event.start_s, "record.telemetry.throttle_events.start_s"),
                    end_s=finite(event.end_s, "record.telemetry.throttle_events.end_s"),
                    reason=text(event.reason),
                    sensor=text(event.sensor),
                )
                for event in message.throttle_events
            ]
        ),
    )


def _from_series(message: attempt_pb2.SensorSeries, content_of: Callable[[ArtifactRef], bytes] | None) -> SensorSeries:
    field = "record.telemetry.series"
    series = SensorSeries(
        sensor=name(message.sensor, f"{field}.sensor"),
        unit=text(message.unit),
        source=text(message.source),
        at_ns=_from_column(message.at_ns, INTEGERS, f"{field}.at_ns", content_of),
        values=_from_column(message.values, FLOATS, f"{field}.values", content_of),
    )
    if series.at_ns.count != series.values.count:
        raise WireError(
            f"{field} of {series.sensor!r} has {series.at_ns.count} time stamps and {series.values.count} values."
        )
    return series


def _to_verification(verification: Verification) -> attempt_pb2.Verification:
    return attempt_pb2.Verification(
        matches=verification.matches,  # type: ignore[arg-type]  # None leaves it unset
        max_abs_error=verification.max_abs_error,
        top1_agreement=verification.top1_agreement,
        detail=verification.detail,
        output_sha256=verification.output_sha256,
    )


def _from_verification(message: attempt_pb2.Verification) -> Verification:
    # Outputs with NaN or infinity in them differ by as much: kept as infinity, which every database holds.
    error = message.max_abs_error
    if error != error:
        error = float("inf")
    if error < 0:
        raise WireError(f"record.verification.max_abs_error is {error}; a number that is not negative was expected.")
    output = message.output_sha256
    return Verification(
        matches=message.matches if message.HasField("matches") else None,
        max_abs_error=error,
        top1_agreement=(
            finite(message.top1_agreement, "record.verification.top1_agreement")
            if message.HasField("top1_agreement")
            else None
        ),
        detail=text(message.detail),
        output_sha256=sha256(output, "record.verification.output_sha256") if output else "",
    )
