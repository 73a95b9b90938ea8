"""What a board reports is stored whole, however odd it is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devicefarm import columns
from farm.errors import StoreError, UnknownRunError
from farm.model.attempt import AttemptRecord, Column, ErrorKind, Launch, Outcome, PhaseSpan, Telemetry, Verification
from farm.model.identity import digest
from farm.model.job import Job
from farm.model.result import Finding, Verdict
from farm.store import queries
from farm.store.invariants import violations
from farm.store.sanitise import INT64_MAX, plain
from farm.store.store import Epoch, Store
from farm.store.writes import SettleWrite, WriteResult
from tests.contract.store.things import (
    PASSED,
    board_writes,
    claim,
    expire,
    make_job,
    make_jobs,
    make_launch,
    make_record,
    make_run,
    make_series,
    make_summary,
    settle,
)


@pytest.fixture
def job(store: Store, epoch: Epoch) -> Job:
    (job,) = make_jobs(1)
    store.create_run(epoch, make_run(), [job])
    store.apply(epoch, [*board_writes("pi-4"), claim(job)])
    return job


def test_a_record_comes_back_as_it_was_sent(store: Store, epoch: Epoch, job: Job) -> None:
    store.apply(epoch, [settle(job, summary=make_summary())])
    assert queries.record_of_attempt(store, job.job_id, 1) == make_record(job)


def test_a_result_knows_everything_that_lies_behind_it(store: Store, epoch: Epoch, job: Job) -> None:
    store.apply(epoch, [settle(job, summary=make_summary())])
    result = queries.find_result(store, job.job_id[:12])
    entry = result.entry
    assert entry.summary == make_summary()
    assert entry.summary.verdict is Verdict.THROTTLED
    assert (entry.model_name, entry.model_sha256, entry.config) == ("cnn", digest("cnn"), job.spec.config)
    assert (entry.board_id, entry.board_type, entry.provenance.value) == ("pi-4", "raspberry-pi-4", "simulated")
    assert (entry.config_digest, entry.scenario_digest) == (
        digest(job.spec.config.as_json()),
        digest(job.spec.scenario.as_json()),
    )
    assert entry.runtime_versions == {"onnxruntime": "1.20.1", "providers": "CPUExecutionProvider"}
    assert entry.context_digest == digest({"kernel": "6.6.31", "governor": "performance"})
    assert (entry.duration_s, entry.recorded_unix_s) == (4.75, 2_000.0)
    assert result.record == make_record(job)
    assert [queries.unpack(launch.latency_ns) for launch in result.record.launches] == [
        [1_000_000, 1_010_000, 990_000]
    ] * 2
    assert queries.unpack(result.record.telemetry.series[0].values) == [48.0, 51.5]
    assert result.job.outcome is Outcome.PASSED
    assert len(result.attempts) == 1
    assert len(result.audit) == 3


def test_a_failed_attempt_keeps_its_record_too(store: Store, epoch: Epoch, job: Job) -> None:
    crashed = AttemptRecord(
        make_record(job).lease, "pi-4", 1, Outcome.ERROR, ErrorKind.BOARD, "the runner was killed", log_tail="Killed"
    )
    store.apply(epoch, [replace(settle(job), record=crashed, disposition=replace(PASSED, outcome=Outcome.ERROR))])
    assert queries.record_of_attempt(store, job.job_id, 1) == crashed
    with pytest.raises(UnknownRunError, match="has no result"):
        queries.find_result(store, job.job_id)


def test_a_lost_attempt_has_no_record(store: Store, epoch: Epoch, job: Job) -> None:
    store.apply(epoch, [expire(job)])
    with pytest.raises(UnknownRunError, match="No board reported"):
        queries.record_of_attempt(store, job.job_id, 1)


def test_a_record_that_names_things_twice_is_stored(store: Store, epoch: Epoch, job: Job) -> None:
    twice = replace(
        make_record(job),
        launches=(make_launch(0), make_launch(0, [5])),
        telemetry=Telemetry(series=(make_series("soc", [1.0]), make_series("soc", [2.0]))),
    )
    store.apply(epoch, [replace(settle(job), record=twice)])
    assert queries.record_of_attempt(store, job.job_id, 1) == twice


def test_numbers_and_texts_that_no_database_takes_do_not_hold_up_the_batch(
    store: Store, epoch: Epoch, job: Job
) -> None:
    odd_launch = replace(make_launch(2**64 - 1), load_s=math.nan, measure_s=math.inf, peak_rss_bytes=2**64 - 1)
    odd = replace(
        make_record(job),
        attempt=2**40,
        error="nul \0 here",
        log_tail="half a pair \ud800",
        phases=(PhaseSpan(make_record(job).phases[0].phase, math.nan, -math.inf, "\0"),),
        launches=(replace(odd_launch, runtime_facts={"a\0": "\udfff"}),),
        context_before={"k\0": "v\0"},
        verification=Verification(max_abs_error=math.nan, top1_agreement=math.inf),
        duration_s=math.nan,
        isolation="\0",
    )
    summary = replace(make_summary(), throughput_per_s=math.inf, findings=(Finding(Verdict.VALID, "\0"),))
    others = make_jobs(3, "run-2")
    store.create_run(epoch, make_run("run-2"), others)
    store.apply(epoch, [claim(other) for other in others])
    batch = [settle(others[0]), SettleWrite(odd, PASSED, summary), settle(others[1])]
    assert store.apply(epoch, batch) == [WriteResult.ACCEPTED] * 3
    stored = queries.record_of_attempt(store, job.job_id, 1)
    assert (stored.error, stored.log_tail) == ("nul \ufffd here", "half a pair ?")
    assert (stored.launches[0].index, stored.launches[0].peak_rss_bytes) == (INT64_MAX, INT64_MAX)
    assert math.isnan(stored.launches[0].load_s)
    assert math.isnan(stored.duration_s)
    assert stored.context_before == {"k\ufffd": "v\ufffd"}
    (entry,) = queries.results_of_run(store, "run-1")
    assert entry.summary is not None
    assert math.isnan(entry.summary.throughput_per_s)
    assert violations(store) == []


def test_a_damaged_column_is_kept_and_says_so_when_it_is_read(store: Store, epoch: Epoch, job: Job) -> None:
    broken = replace(make_launch(0), latency_ns=Column(columns.INTEGERS, 3, b"\x00garbage"))
    newer = replace(make_launch(1), latency_ns=Column("i64-brotli", 3, b""))
    store.apply(epoch, [replace(settle(job), record=replace(make_record(job), launches=(broken, newer)))])
    damaged, unknown = (launch.latency_ns for launch in queries.record_of_attempt(store, job.job_id, 1).launches)
    with pytest.raises(StoreError, match="3 numbers is damaged"):
        queries.unpack(damaged)
    with pytest.raises(StoreError, match="`i64-brotli`, which this program does not know"):
        queries.unpack(unknown)


texts = st.text(max_size=20)
numbers = st.floats() | st.integers(-(2**70), 2**70).map(float)
launches = st.builds(
    Launch,
    index=st.integers(0, 2**64),
    load_s=numbers,
    first_inference_s=numbers,
    warmup_count=st.integers(0, 2**64),
    warmup_s=numbers,
    measure_start_s=numbers,
    measure_s=numbers,
    latency_ns=st.builds(Column, codec=texts, count=st.integers(0, 2**64), content=st.binary(max_size=50)),
    peak_rss_bytes=st.integers(0, 2**64),
    conversion_s=numbers,
    overhead_s=numbers,
    runtime_facts=st.dictionaries(texts, texts, max_size=3),
)


@given(error=texts, log_tail=texts, runs=st.lists(launches, max_size=3), context=st.dictionaries(texts, texts))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_record_is_stored(
    store: Store,
    epoch: Epoch,
    error: str,
    log_tail: str,
    runs: list[Launch],
    context: dict[str, str],
) -> None:
    number = len(queries.list_runs(store, limit=10_000))
    job = make_job(f"run-{number}", 1, ("pi-4",))
    store.create_run(epoch, make_run(f"run-{number}"), [job])
    record = replace(make_record(job), error=error, log_tail=log_tail, launches=tuple(runs), context_before=context)
    answers = store.apply(epoch, [*board_writes("pi-4"), claim(job), SettleWrite(record, PASSED)])
    assert answers == [WriteResult.ACCEPTED] * 3
    stored = queries.record_of_attempt(store, job.job_id, 1)
    assert (stored.error, stored.log_tail) == (plain(error), plain(log_tail))
    assert [launch.latency_ns.content for launch in stored.launches] == [run.latency_ns.content for run in runs]
    assert len(stored.context_before) <= len(context)
