"""An attempt's record as rows, and back: what the board reported, whole and unchanged.

Launches and sensors are keyed by their place in the record, not by what the board calls them, so that a record which
names one twice is still stored. Samples stay encoded as they came.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

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
from farm.model.identity import digest
from farm.model.result import Finding, Interval, Summary, Verdict
from farm.store.sanitise import compact, compact_map, finite, plain, plain_map, whole
from farm.store.values import Columns

__all__ = ["RecordRows", "StoredRecord", "record_from", "summary_columns", "summary_from"]


@dataclass
class RecordRows:
    """The rows of the records of one transaction, by table. `attempts` are updates, the others inserts."""

    attempts: list[Columns] = field(default_factory=list)
    launches: list[Columns] = field(default_factory=list)
    samples: list[Columns] = field(default_factory=list)
    telemetry: list[Columns] = field(default_factory=list)
    contexts: list[Columns] = field(default_factory=list)

    def add(self, job_no: int, record: AttemptRecord, *, ended_unix_s: float) -> str:
        """Take a job's record in; answers the digest of its context before the measurement, empty where it has none."""
        key = {"job_no": job_no, "fence": record.lease.fence}
        self.attempts.append(_attempt_columns(job_no, record, ended_unix_s))
        for position, launch in enumerate(record.launches):
            self._add_launch({**key, "position": position}, launch)
        for position, series in enumerate(record.telemetry.series):
            self.telemetry.append({**key, "position": position, **_series_columns(series)})
        before = self._add_context(key, "before", record.context_before)
        self._add_context(key, "after", record.context_after)
        return before

    def _add_launch(self, key: Columns, launch: Launch) -> None:
        self.launches.append(
            {
                **key,
                "launch": whole(launch.index),
                "load_s": finite(launch.load_s),
                "first_inference_s": finite(launch.first_inference_s),
                "warmup_count": whole(launch.warmup_count),
                "warmup_s": finite(launch.warmup_s),
                "measure_start_s": finite(launch.measure_start_s),
                "measure_s": finite(launch.measure_s),
                "peak_rss_bytes": whole(launch.peak_rss_bytes),
                "conversion_s": finite(launch.conversion_s),
                "overhead_s": finite(launch.overhead_s),
                "runtime_facts_json": compact_map(launch.runtime_facts),
            }
        )
        column = launch.latency_ns
        self.samples.append(
            {**key, "codec": plain(column.codec), "count": whole(column.count), "content": column.content}
        )

    def _add_context(self, key: Columns, moment: str, context: Mapping[str, str]) -> str:
        if not context:
            return ""
        text = compact_map(context)
        context_digest = _digest_of_map(context, text)
        self.contexts.append({**key, "moment": moment, "digest": context_digest, "context_json": text})
        return context_digest


def _digest_of_map(facts: Mapping[str, str], text: str) -> str:
    """`digest(plain_map(facts))`, where `text` is `compact_map(facts)`.

    The two ways of writing JSON differ in how they write numbers and sort keys beyond the basic plane, so ASCII text is
    canonical already. The general way takes ten times as long, twice for each record.
    """
    return hashlib.sha256(text.encode()).hexdigest() if text.isascii() else digest(plain_map(facts))


def _attempt_columns(job_no: int, record: AttemptRecord, ended_unix_s: float) -> Columns:
    verification = record.verification
    return {
        "b_job_no": job_no,
        "b_fence": record.lease.fence,
        "ended_unix_s": ended_unix_s,
        "ended_by": "record",
        "outcome": record.outcome.value,
        "error_kind": record.error_kind.value if record.error_kind else None,
        "error": plain(record.error),
        "log_tail": plain(record.log_tail),
        "reported_attempt": whole(record.attempt),
        "started_unix_s": finite(record.started_unix_s),
        "duration_s": finite(record.duration_s),
        "environment": plain(record.environment),
        "isolation": plain(record.isolation),
        "knobs_json": compact_map(record.knobs_read_back),
        "phases_json": compact(
            [[span.phase.value, finite(span.start_s), finite(span.end_s), plain(span.note)] for span in record.phases]
        ),
        "throttle_json": compact(
            [
                [finite(event.start_s), finite(event.end_s), plain(event.reason), plain(event.sensor)]
                for event in record.telemetry.throttle_events
            ]
        ),
        "verification_json": compact(
            {
                "matches": verification.matches,
                "max_abs_error": finite(verification.max_abs_error),
                "top1_agreement": finite(verification.top1_agreement),
                "detail": plain(verification.detail),
                "output_sha256": plain(verification.output_sha256),
            }
        )
        if verification
        else None,
    }


def _series_columns(series: SensorSeries) -> Columns:
    return {
        "sensor": plain(series.sensor),
        "unit": plain(series.unit),
        "source": plain(series.source),
        "at_codec": plain(series.at_ns.codec),
        "at_count": whole(series.at_ns.count),
        "at_content": series.at_ns.content,
        "values_codec": plain(series.values.codec),
        "values_count": whole(series.values.count),
        "values_content": series.values.content,
    }


@dataclass(frozen=True)
class StoredRecord:
    """The rows of one record, each table's in the order of `position`."""

    job_id: str
    attempt: Row[Any]
    launches: Iterable[Row[Any]]
    """Joined with their samples."""
    telemetry: Iterable[Row[Any]]
    contexts: Iterable[Row[Any]]


def record_from(rows: StoredRecord) -> AttemptRecord:
    """What the board reported. A number that was not finite comes back as NaN, or None where that is allowed."""
    attempt = rows.attempt
    contexts = {row.moment: json.loads(row.context_json) for row in rows.contexts}
    return AttemptRecord(
        lease=Lease(rows.job_id, attempt.fence),
        board_id=attempt.board_id,
        attempt=attempt.reported_attempt,
        outcome=Outcome(attempt.outcome),
        error_kind=ErrorKind(attempt.error_kind) if attempt.error_kind else None,
        error=attempt.error,
        log_tail=attempt.log_tail,
        phases=tuple(
            PhaseSpan(Phase(phase), _number(start_s), _number(end_s), note)
            for phase, start_s, end_s, note in json.loads(attempt.phases_json)
        ),
        launches=tuple(_launch_from(row) for row in rows.launches),
        telemetry=Telemetry(
            series=tuple(_series_from(row) for row in rows.telemetry),
            throttle_events=tuple(
                ThrottleEvent(_number(start_s), _number(end_s), reason, sensor)
                for start_s, end_s, reason, sensor in json.loads(attempt.throttle_json)
            ),
        ),
        context_before=contexts.get("before", {}),
        context_after=contexts.get("after", {}),
        verification=_verification_from(attempt.verification_json),
        started_unix_s=_number(attempt.started_unix_s),
        duration_s=_number(attempt.duration_s),
        environment=attempt.environment,
        isolation=attempt.isolation,
        knobs_read_back=json.loads(attempt.knobs_json),
    )


def _launch_from(row: Row[Any]) -> Launch:
    return Launch(
        index=row.launch,
        load_s=_number(row.load_s),
        first_inference_s=_number(row.first_inference_s),
        warmup_count=row.warmup_count,
        warmup_s=_number(row.warmup_s),
        measure_start_s=_number(row.measure_start_s),
        measure_s=_number(row.measure_s),
        latency_ns=Column(row.codec, row._mapping["count"], bytes(row.content)),
        peak_rss_bytes=row.peak_rss_bytes,
        conversion_s=_number(row.conversion_s),
        overhead_s=_number(row.overhead_s),
        runtime_facts=json.loads(row.runtime_facts_json),
    )


def _series_from(row: Row[Any]) -> SensorSeries:
    return SensorSeries(
        sensor=row.sensor,
        unit=row.unit,
        source=row.source,
        at_ns=Column(row.at_codec, row.at_count, bytes(row.at_content)),
        values=Column(row.values_codec, row.values_count, bytes(row.values_content)),
    )


def _verification_from(text: str | None) -> Verification | None:
    if text is None:
        return None
    fields = json.loads(text)
    return Verification(**{**fields, "max_abs_error": _number(fields["max_abs_error"])})


def summary_columns(summary: Summary | None) -> Columns:
    """A summary as columns of `result`; all NULL where nothing was measured."""
    if summary is None:
        return {**dict.fromkeys(_SUMMARY), "findings_json": "[]"}
    return {
        "verdict": summary.verdict.value,
        "findings_json": compact([[finding.verdict.value, plain(finding.evidence)] for finding in summary.findings]),
        "count": whole(summary.count),
        "batch": whole(summary.batch),
        "throughput_per_s": finite(summary.throughput_per_s),
        "latency_min_s": finite(summary.latency_min_s),
        "latency_mean_s": finite(summary.latency_mean_s),
        "latency_p50_s": finite(summary.latency_p50_s),
        "latency_p50_low_s": finite(summary.latency_p50_interval.low),
        "latency_p50_high_s": finite(summary.latency_p50_interval.high),
        "latency_p90_s": finite(summary.latency_p90_s),
        "latency_p99_s": finite(summary.latency_p99_s),
        "load_s": finite(summary.load_s),
        "first_inference_s": finite(summary.first_inference_s),
        "peak_rss_bytes": whole(summary.peak_rss_bytes),
        "temperature_start_c": finite(summary.temperature_start_c),
        "temperature_max_c": finite(summary.temperature_max_c),
        "clock_min_hz": finite(summary.clock_min_hz),
        "clock_max_hz": finite(summary.clock_max_hz),
    }


_SUMMARY = (
    "verdict", "count", "batch", "throughput_per_s", "latency_min_s", "latency_mean_s", "latency_p50_s",
    "latency_p50_low_s", "latency_p50_high_s", "latency_p90_s", "latency_p99_s", "load_s", "first_inference_s",
    "peak_rss_bytes", "temperature_start_c", "temperature_max_c", "clock_min_hz", "clock_max_hz",
)  # fmt: skip


def summary_from(row: Row[Any]) -> Summary | None:
    """The summary of a row of `result`; None where the job measured nothing."""
    if row.verdict is None:
        return None
    columns = row._mapping
    return Summary(
        count=columns["count"],
        batch=row.batch,
        throughput_per_s=_number(row.throughput_per_s),
        latency_min_s=_number(row.latency_min_s),
        latency_mean_s=_number(row.latency_mean_s),
        latency_p50_s=_number(row.latency_p50_s),
        latency_p50_interval=Interval(_number(row.latency_p50_low_s), _number(row.latency_p50_high_s)),
        latency_p90_s=row.latency_p90_s,
        latency_p99_s=row.latency_p99_s,
        load_s=_number(row.load_s),
        first_inference_s=_number(row.first_inference_s),
        peak_rss_bytes=row.peak_rss_bytes,
        temperature_start_c=row.temperature_start_c,
        temperature_max_c=row.temperature_max_c,
        clock_min_hz=row.clock_min_hz,
        clock_max_hz=row.clock_max_hz,
        findings=tuple(Finding(Verdict(verdict), evidence) for verdict, evidence in json.loads(row.findings_json)),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
