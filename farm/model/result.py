"""What a finished job says: a summary of its samples, and a verdict with the reading that caused it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Finding", "Interval", "Summary", "Verdict"]


class Verdict(enum.Enum):
    """Whether the number is right. Several may hold; the first in this order is shown, all are stored.

    Only `valid` feeds a baseline; the others are kept and shown with their reason.
    """

    WRONG_OUTPUT = "wrong-output"
    UNDERVOLTED = "undervolted"
    THROTTLED = "throttled"
    CLOCK_MISMATCH = "clock-mismatch"
    CONTAMINATED = "contaminated"
    UNSETTLED = "unsettled"
    UNCONVERGED = "unconverged"
    VALID = "valid"


@dataclass(frozen=True)
class Finding:
    """One verdict and the reading that caused it, in words: `load 3.1 beside the runner, limit 0.5`."""

    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Of all launches together. Latencies are seconds of one inference of a whole batch; None: not enough samples.

    `throughput_per_s` counts inputs, not batches: batch x inferences / measured time.
    Percentiles are quoted from as many samples as MLPerf's early stopping asks for: 64 for p90, 662 for p99.
    """

    count: int
    batch: int
    throughput_per_s: float
    latency_min_s: float
    latency_mean_s: float
    latency_p50_s: float
    latency_p50_interval: Interval
    latency_p90_s: float | None
    latency_p99_s: float | None
    load_s: float
    first_inference_s: float
    peak_rss_bytes: int
    temperature_start_c: float | None
    temperature_max_c: float | None
    clock_min_hz: float | None
    clock_max_hz: float | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The most serious of the findings; `valid` when there is none."""
        order = list(Verdict)
        return min((finding.verdict for finding in self.findings), key=order.index, default=Verdict.VALID)
