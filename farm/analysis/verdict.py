"""Is the number right? Each rule looks at one cause and names the reading that shows it.

A verdict never hides a result: it is stored and shown with its evidence, and only `valid` ones feed a baseline.
The limits are those of sbc-bench where it has one (ThomasKaiser/sbc-bench, "what makes a measurement valid").
"""

from __future__ import annotations

from collections.abc import Iterator

from farm.model.attempt import AttemptRecord, Phase
from farm.model.job import JobSpec
from farm.model.result import Finding, Interval, Verdict

__all__ = ["findings"]


def findings(
    record: AttemptRecord, spec: JobSpec, *, p50_ns: float, p50_interval_ns: Interval, count: int
) -> tuple[Finding, ...]:
    """Everything that speaks against the number, most serious first; empty: it is valid."""
    found = [
        *_wrong_output(record),
        *_throttled(record),
        *_unsettled(record),
        *_unconverged(spec, p50_ns, p50_interval_ns, count),
    ]
    order = list(Verdict)
    return tuple(sorted(found, key=lambda finding: order.index(finding.verdict)))


def _wrong_output(record: AttemptRecord) -> Iterator[Finding]:
    verification = record.verification
    if verification is not None and verification.matches is False:
        detail = verification.detail or f"largest error {verification.max_abs_error:.3g}"
        yield Finding(Verdict.WRONG_OUTPUT, f"outputs differ from the golden set: {detail}")


def _throttled(record: AttemptRecord) -> Iterator[Finding]:
    """Throttle events that overlap a measurement; the board's own word tells under-voltage from heat."""
    for event in record.telemetry.throttle_events:
        overlap_s = sum(
            max(
                0.0,
                min(event.end_s, launch.measure_start_s + launch.measure_s)
                - max(event.start_s, launch.measure_start_s),
            )
            for launch in record.launches
        )
        if overlap_s > 0.0:
            undervolted = "volt" in event.reason.lower()
            yield Finding(
                Verdict.UNDERVOLTED if undervolted else Verdict.THROTTLED,
                f"{event.sensor}: {event.reason} for {overlap_s:.1f} s of the measurement",
            )


def _unsettled(record: AttemptRecord) -> Iterator[Finding]:
    if record.context_before.get("gate.outcome") == "timed-out":
        note = next((span.note for span in record.phases if span.phase is Phase.COOL and span.note), "gate timed out")
        yield Finding(Verdict.UNSETTLED, note)


def _unconverged(spec: JobSpec, p50_ns: float, interval_ns: Interval, count: int) -> Iterator[Finding]:
    scenario = spec.scenario
    if count < scenario.min_count:
        yield Finding(
            Verdict.UNCONVERGED, f"{count} inferences before the time limit, {scenario.min_count} were asked for"
        )
    target = scenario.converge.get("latency_p50")
    if target is not None and p50_ns > 0.0:
        half_width = (interval_ns.high - interval_ns.low) / 2.0 / p50_ns
        if half_width > target:
            yield Finding(
                Verdict.UNCONVERGED,
                f"the median is known to +-{half_width:.1%} from {count} inferences, +-{target:.1%} was asked for",
            )
