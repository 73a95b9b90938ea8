"""Is the number right? Each rule looks at one cause and names the reading that shows it.

A verdict never hides a result: it is stored and shown with its evidence, and only `valid` ones feed a baseline.
The limits are those of sbc-bench where it has one (ThomasKaiser/sbc-bench, "what makes a measurement valid").
"""

from __future__ import annotations

from collections.abc import Iterator

from devicefarm import columns
from farm.model.attempt import AttemptRecord, Phase
from farm.model.job import JobSpec
from farm.model.result import Finding, Interval, Verdict

__all__ = ["findings"]

_BUSY_BEYOND_OWN = ((2, 0.08), (4, 0.05), (6, 0.03), (1 << 30, 0.02))
"""Up to so many processors, so large a share of all of them may be busy beyond the runner's threads (sbc-bench's peak
limits: 8 % of two cores, 5 % of four, 3 % of six, 2 % of eight)."""
_LOOSEST = 0.10
"""A median that is known no better than this is not called valid, also where the sweep asks for nothing."""
_MOST_STEAL = 0.02
_MOSTLY = 0.6


def findings(
    record: AttemptRecord, spec: JobSpec, *, p50_ns: float, p50_interval_ns: Interval, count: int
) -> tuple[Finding, ...]:
    """Everything that speaks against the number, most serious first; empty: it is valid."""
    found = [
        *_wrong_output(record),
        *_throttled(record),
        *_contaminated(record, spec),
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


def _contaminated(record: AttemptRecord, spec: JobSpec) -> Iterator[Finding]:
    """Processors busier than the runner's own threads can make them, or time that a hypervisor gave to others."""
    cores = _count_of(record.context_before.get("cpu.online", ""))
    busy = _readings_while_measuring(record, "cpu.busy")
    if cores and busy:
        mean = sum(busy) / len(busy)
        own = min(1.0, max(1, spec.config.threads) / cores)
        limit = next(limit for most, limit in _BUSY_BEYOND_OWN if cores <= most)
        if mean - own > limit:
            yield Finding(
                Verdict.CONTAMINATED,
                f"the {cores} processors were {mean:.0%} busy during the measurement; the runner's share is {own:.0%}",
            )
    steal = _readings_while_measuring(record, "cpu.steal")
    if steal and sum(steal) / len(steal) > _MOST_STEAL:
        yield Finding(Verdict.CONTAMINATED, f"the hypervisor gave {sum(steal) / len(steal):.0%} of the time to others")


def _readings_while_measuring(record: AttemptRecord, sensor: str) -> list[float]:
    """Shares over the time since the reading before, of which most lay inside a measurement."""
    found = []
    for series in record.telemetry.series:
        if series.sensor != sensor:
            continue
        at_s = [stamp * 1e-9 for stamp in columns.unpack_integers(series.at_ns.content)]
        values = columns.unpack_floats(series.values.content)
        for begun, ended, value in zip(at_s, at_s[1:], values[1:], strict=False):
            inside_s = sum(
                max(0.0, min(ended, launch.measure_start_s + launch.measure_s) - max(begun, launch.measure_start_s))
                for launch in record.launches
            )
            if ended > begun and inside_s / (ended - begun) > _MOSTLY:
                found.append(value)
    return found


def _count_of(online: str) -> int:
    """How many processors `/sys/devices/system/cpu/online` lists.

    >>> _count_of("0-3,6"), _count_of("")
    (5, 0)
    """
    spans = [part.split("-") for part in online.split(",") if part.strip()]
    return sum(int(span[-1]) - int(span[0]) + 1 for span in spans if all(end.isdigit() for end in span))


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
    asked = scenario.converge.get("latency_p50")
    target = _LOOSEST if asked is None else asked
    if p50_ns > 0.0:
        half_width = (interval_ns.high - interval_ns.low) / 2.0 / p50_ns
        if half_width > target:
            why = "is the most without a target of its own" if asked is None else "was asked for"
            yield Finding(
                Verdict.UNCONVERGED,
                f"the median is known to +-{half_width:.1%} from {count} inferences, +-{target:.1%} {why}",
            )
