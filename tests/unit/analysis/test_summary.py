"""Samples become numbers with an interval, quoted only from enough of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from farm.analysis.summary import autocorrelation_time, median_interval, percentile, summarise
from farm.model.attempt import AttemptRecord, Outcome
from farm.model.job import JobSpec

MakeRecord = Callable[..., AttemptRecord]


def test_throughput_counts_inputs_not_batches(make_record: MakeRecord, spec: JobSpec) -> None:
    summary = summarise(make_record([2_000_000] * 100), spec)
    assert summary is not None
    assert summary.throughput_per_s == pytest.approx(4 / 0.002)
    assert summary.latency_p50_s == pytest.approx(0.002)


def test_launches_are_pooled(make_record: MakeRecord, spec: JobSpec) -> None:
    summary = summarise(make_record([1_000_000] * 40, [3_000_000] * 60), spec)
    assert summary is not None
    assert summary.count == 100
    assert summary.latency_p50_s == pytest.approx(0.003)
    assert summary.load_s == pytest.approx(0.15)
    assert summary.peak_rss_bytes == 1001


@pytest.mark.parametrize(
    ("count", "has_p90", "has_p99"), [(63, False, False), (64, True, False), (661, True, False), (662, True, True)]
)
def test_percentiles_are_quoted_only_from_enough_samples(
    make_record: MakeRecord, spec: JobSpec, count: int, has_p90: bool, has_p99: bool
) -> None:
    summary = summarise(make_record(range(1_000_000, 1_000_000 + count)), spec)
    assert summary is not None
    assert (summary.latency_p90_s is not None, summary.latency_p99_s is not None) == (has_p90, has_p99)


def test_a_failed_attempt_has_no_summary(make_record: MakeRecord, spec: JobSpec) -> None:
    assert summarise(make_record([1_000_000] * 100, outcome=Outcome.FAILED), spec) is None
    assert summarise(make_record(), spec) is None


def test_an_unread_temperature_is_unknown_not_zero(make_record: MakeRecord, spec: JobSpec) -> None:
    silent = summarise(make_record([1_000_000] * 100), spec)
    warm = summarise(make_record([1_000_000] * 100, temperatures_c=[50.0, 61.5, 60.0]), spec)
    assert silent is not None
    assert warm is not None
    assert (silent.temperature_start_c, silent.temperature_max_c) == (None, None)
    assert (warm.temperature_start_c, warm.temperature_max_c) == (50.0, 61.5)


def test_nearest_rank_quotes_a_value_that_was_measured() -> None:
    ordered = np.array([10, 20, 30, 40])
    assert [percentile(ordered, share) for share in (0.0, 0.25, 0.5, 0.51, 1.0)] == [10, 10, 20, 30, 40]


def test_white_noise_has_an_autocorrelation_time_of_one() -> None:
    noise = np.random.default_rng(1).integers(0, 10**6, 4000)
    assert autocorrelation_time(noise) == pytest.approx(1.0, abs=0.25)


def test_correlated_noise_widens_the_interval() -> None:
    rng = np.random.default_rng(2)
    correlated = np.zeros(4000)
    for index, shock in enumerate(rng.normal(size=4000)):
        correlated[index] = 0.9 * correlated[index - 1] + shock
    series = (1e6 + 1e4 * correlated).astype(np.int64)
    shuffled = rng.permutation(series)
    assert autocorrelation_time(series) > 10.0  # (1 + 0.9) / (1 - 0.9) is 19 for the values themselves
    wide, tight = median_interval(series), median_interval(shuffled)
    assert wide.high - wide.low > 2.5 * (tight.high - tight.low)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        series = (1e6 * rng.lognormal(sigma=0.05, size=300)).astype(np.int64)
        interval = median_interval(series)
        covered += interval.low <= 1e6 <= interval.high
    assert 0.91 <= covered / 400 <= 1.0


def test_a_constant_series_has_a_point_for_an_interval() -> None:
    interval = median_interval(np.full(100, 7))
    assert (interval.low, interval.high) == (7, 7)
