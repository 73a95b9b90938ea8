"""Each cause of doubt is found by its own reading, and the most serious is shown first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from farm.analysis.summary import summarise
from farm.model.attempt import AttemptRecord, ThrottleEvent, Verification
from farm.model.job import JobSpec
from farm.model.result import Verdict

MakeRecord = Callable[..., AttemptRecord]
STEADY = [1_000_000] * 100


def verdict_of(record: AttemptRecord, spec: JobSpec) -> Verdict:
    summary = summarise(record, spec)
    assert summary is not None
    return summary.verdict


def test_a_steady_run_is_valid(make_record: MakeRecord, spec: JobSpec) -> None:
    assert verdict_of(make_record(STEADY), spec) is Verdict.VALID


def test_wrong_outputs_outrank_everything(make_record: MakeRecord, spec: JobSpec) -> None:
    record = make_record(
        STEADY,
        verification=Verification(matches=False, max_abs_error=0.5),
        throttle_events=(ThrottleEvent(0.0, 0.1, "frequency capped", "throttled"),),
    )
    assert verdict_of(record, spec) is Verdict.WRONG_OUTPUT


def test_nothing_to_compare_with_is_not_wrong(make_record: MakeRecord, spec: JobSpec) -> None:
    assert verdict_of(make_record(STEADY, verification=Verification(matches=None)), spec) is Verdict.VALID


@pytest.mark.parametrize(
    ("reason", "verdict"), [("soft temperature limit", Verdict.THROTTLED), ("under-voltage", Verdict.UNDERVOLTED)]
)
def test_throttling_inside_the_measurement_counts(
    make_record: MakeRecord, spec: JobSpec, reason: str, verdict: Verdict
) -> None:
    record = make_record(STEADY, throttle_events=(ThrottleEvent(0.05, 2.0, reason, "throttled"),))
    assert verdict_of(record, spec) is verdict


def test_throttling_before_the_measurement_does_not(make_record: MakeRecord, spec: JobSpec) -> None:
    record = make_record(STEADY, throttle_events=(ThrottleEvent(0.2, 2.0, "soft temperature limit", "throttled"),))
    assert verdict_of(record, spec) is Verdict.VALID


def test_a_gate_that_timed_out_is_flagged(make_record: MakeRecord, spec: JobSpec) -> None:
    assert verdict_of(make_record(STEADY, context_before={"gate.outcome": "timed-out"}), spec) is Verdict.UNSETTLED


def test_too_few_inferences_are_unconverged(make_record: MakeRecord, spec: JobSpec) -> None:
    assert verdict_of(make_record([1_000_000] * 9), spec) is Verdict.UNCONVERGED


def test_a_wide_interval_is_unconverged(make_record: MakeRecord, spec: JobSpec) -> None:
    assert verdict_of(make_record([1_000_000, 2_000_000] * 20), spec) is Verdict.UNCONVERGED


@pytest.mark.parametrize(("slower_ns", "verdict"), [(1_150_000, Verdict.VALID), (1_300_000, Verdict.UNCONVERGED)])
def test_without_a_target_a_median_must_still_be_known_to_a_tenth(
    make_record: MakeRecord, spec: JobSpec, slower_ns: int, verdict: Verdict
) -> None:
    nothing_asked = replace(spec, scenario=replace(spec.scenario, converge={}))
    assert verdict_of(make_record([1_000_000, slower_ns] * 40), nothing_asked) is verdict


def test_processors_busier_than_the_runner_can_make_them_contaminate(make_record: MakeRecord, spec: JobSpec) -> None:
    record = make_record(STEADY, seconds_each=3.0, busy=[0.0, 0.9, 0.95, 0.9], context_before={"cpu.online": "0-1"})
    assert verdict_of(record, spec) is Verdict.CONTAMINATED


def test_the_runners_own_thread_does_not_contaminate(make_record: MakeRecord, spec: JobSpec) -> None:
    record = make_record(STEADY, seconds_each=3.0, busy=[0.0, 0.52, 0.55, 0.51], context_before={"cpu.online": "0-1"})
    assert verdict_of(record, spec) is Verdict.VALID


def test_what_was_busy_before_the_measurement_does_not_contaminate(make_record: MakeRecord, spec: JobSpec) -> None:
    record = make_record(
        STEADY, STEADY, seconds_each=2.0, busy=[0.0, 0.5, 0.5, 1.0, 1.0, 1.0], context_before={"cpu.online": "0-1"}
    )
    assert verdict_of(record, spec) is Verdict.VALID  # the launches are from 0 to 2 s and from 10 to 12 s


def test_stolen_time_contaminates(make_record: MakeRecord, spec: JobSpec) -> None:
    record = make_record(STEADY, seconds_each=3.0, steal=[0.0, 0.1, 0.1, 0.2])
    assert verdict_of(record, spec) is Verdict.CONTAMINATED
