"""The samples of an attempt become a summary: numbers with an interval, quoted only from enough samples.

Percentiles are order statistics (nearest rank), as MLPerf quotes them, and are None below the counts its early stopping
asks for: 64 samples for the 90th, 662 for the 99th
(https://github.com/mlcommons/inference_policies, "Early Stopping"; 99 % confidence).

The interval of the median is the one between two order statistics, over an *effective* sample size: consecutive
latencies are correlated, and a plain interval would look tighter than it is. The effective size is n / tau, tau being
the integrated autocorrelation time of the ranks, 1 + 2 sum rho_m, cut at the first lag m >= 5 tau
(A. Sokal, "Monte Carlo Methods in Statistical Mechanics", 1997, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from devicefarm import columns
from farm.analysis.verdict import findings
from farm.model.attempt import AttemptRecord, Outcome
from farm.model.job import JobSpec
from farm.model.result import Interval, Summary

__all__ = ["autocorrelation_time", "median_interval", "percentile", "summarise"]

COUNT_FOR_P90 = 64
COUNT_FOR_P99 = 662
_NANO = 1e-9
_LONGEST_SERIES_FOR_TAU = 65_536


def summarise(record: AttemptRecord, spec: JobSpec) -> Summary | None:
    """The summary of a passed attempt; None where it failed or measured nothing (a job without launches)."""
    if record.outcome is not Outcome.PASSED or not record.launches:
        return None
    per_launch = [_latencies_ns(launch.latency_ns.content) for launch in record.launches]
    latencies = np.concatenate(per_launch)
    if latencies.size == 0:
        return None
    ordered = np.sort(latencies)
    measured_s = sum(launch.measure_s for launch in record.launches) or float(latencies.sum()) * _NANO
    batch = max(1, spec.config.batch)
    interval = median_interval(latencies)
    temperatures = _readings(record, "C")
    clocks = _readings(record, "Hz")
    return Summary(
        count=int(latencies.size),
        batch=batch,
        throughput_per_s=batch * latencies.size / measured_s,
        latency_min_s=float(ordered[0]) * _NANO,
        latency_mean_s=float(latencies.mean()) * _NANO,
        latency_p50_s=percentile(ordered, 0.50) * _NANO,
        latency_p50_interval=Interval(interval.low * _NANO, interval.high * _NANO),
        latency_p90_s=percentile(ordered, 0.90) * _NANO if ordered.size >= COUNT_FOR_P90 else None,
        latency_p99_s=percentile(ordered, 0.99) * _NANO if ordered.size >= COUNT_FOR_P99 else None,
        load_s=float(np.median([launch.load_s for launch in record.launches])),
        first_inference_s=float(np.median([launch.first_inference_s for launch in record.launches])),
        peak_rss_bytes=max(launch.peak_rss_bytes for launch in record.launches),
        temperature_start_c=temperatures[0][0] if temperatures else None,
        temperature_max_c=max((max(series) for series in temperatures), default=None),
        clock_min_hz=min((min(series) for series in clocks), default=None),
        clock_max_hz=max((max(series) for series in clocks), default=None),
        findings=findings(
            record,
            spec,
            p50_ns=percentile(ordered, 0.50),
            p50_interval_ns=interval,
            count=int(latencies.size),
        ),
    )


def percentile(ordered: NDArray[np.int64], share: float) -> float:
    """The nearest-rank percentile of an ascending series.

    >>> percentile(np.arange(1, 101), 0.90)
    90.0
    """
    rank = int(np.ceil(share * ordered.size))
    return float(ordered[max(rank, 1) - 1])


def autocorrelation_time(series: NDArray[np.int64]) -> float:
    """Integrated autocorrelation time of the ranks of a series, in samples; 1.0 is white noise.

    Ranks, because latencies have outliers that would hide every correlation.
    """
    count = series.size
    if count < 8:
        return 1.0
    ranks = np.empty(count)
    ranks[np.argsort(series, kind="stable")] = np.arange(count)
    ranks -= ranks.mean()
    spectrum = np.fft.rfft(ranks, 2 * count)
    autocovariance = np.fft.irfft(spectrum * spectrum.conjugate())[:count]
    if autocovariance[0] <= 0.0:
        return 1.0
    taus = 2.0 * np.cumsum(autocovariance / autocovariance[0]) - 1.0
    lags = np.arange(count)
    enough = np.flatnonzero((lags >= 5.0 * taus) | (lags >= count // 3))
    return max(1.0, float(taus[enough[0]] if enough.size else taus[-1]))


def median_interval(series: NDArray[np.int64]) -> Interval:
    """An approximate 95 % interval of the median, between two order statistics, in the unit of the series."""
    count = series.size
    ordered = np.sort(series)
    tau = autocorrelation_time(series[:_LONGEST_SERIES_FOR_TAU])
    effective = max(4.0, count / tau)
    reach = 1.96 * np.sqrt(effective) * count / (2.0 * effective)
    low = int(np.clip(np.floor(count / 2 - reach), 0, count - 1))
    high = int(np.clip(np.ceil(count / 2 + reach), 0, count - 1))
    return Interval(float(ordered[low]), float(ordered[high]))


def _latencies_ns(blob: bytes) -> NDArray[np.int64]:
    return np.asarray(columns.unpack_integers(blob), dtype=np.int64)


def _readings(record: AttemptRecord, unit: str) -> Sequence[list[float]]:
    return [
        values
        for series in record.telemetry.series
        if series.unit == unit and (values := columns.unpack_floats(series.values.content))
    ]
