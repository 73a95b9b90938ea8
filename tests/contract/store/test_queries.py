from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from farm.errors import StoreError, UnknownRunError
from farm.model.attempt import Outcome
from farm.model.job import ArtifactRef, Job, JobState, RunState
from farm.scheduling.commands import Finish
from farm.store import queries
from farm.store.store import Epoch, Store
from farm.store.tables import RUN
from farm.store.writes import FinishWrite
from tests.contract.store.conftest import Clock
from tests.contract.store.things import board_writes, claim, make_jobs, make_run, make_summary, settle


def run_all(store: Store, epoch: Epoch, jobs: list[Job]) -> None:
    store.apply(epoch, [*board_writes("pi-4"), *(claim(job) for job in jobs)])
    store.apply(epoch, [settle(job, summary=make_summary()) for job in jobs])


def test_runs_are_listed_newest_first(store: Store, epoch: Epoch) -> None:
    for number, created_unix_s in enumerate((10.0, 30.0, 20.0)):
        store.create_run(epoch, make_run(f"run-{number}", created_unix_s), make_jobs(1, f"run-{number}"))
    run_all(store, epoch, make_jobs(1, "run-1"))
    assert [run.run_id for run in queries.list_runs(store)] == ["run-1", "run-2", "run-0"]
    assert [run.run_id for run in queries.list_runs(store, limit=1)] == ["run-1"]
    assert [run.run_id for run in queries.list_runs(store, state=RunState.OPEN)] == ["run-2", "run-0"]
    assert queries.find_run(store, "latest").run_id == "run-1"
    assert queries.latest_unfinished_run(store).run_id == "run-2"
    assert queries.get_sweep_json(store, "run-2") == '{"name":"nightly"}'


def test_before_the_first_run_every_question_says_so(store: Store) -> None:
    assert queries.list_runs(store) == []
    with pytest.raises(UnknownRunError, match="There is no run yet"):
        queries.find_run(store, "latest")
    with pytest.raises(UnknownRunError, match="Every run is finished"):
        queries.latest_unfinished_run(store)
    with pytest.raises(UnknownRunError, match="no run `x`"):
        queries.get_sweep_json(store, "x")


@pytest.mark.parametrize("typed", ["", "a\0b", "nightly-9", "%", "_ightly"])
def test_a_run_that_does_not_exist_is_unknown(store: Store, epoch: Epoch, typed: str) -> None:
    store.create_run(epoch, make_run("nightly-1"), make_jobs(1, "nightly-1"))
    with pytest.raises(UnknownRunError):
        queries.find_run(store, typed)


def test_a_run_is_found_by_what_it_begins_with(store: Store, epoch: Epoch) -> None:
    for run_id in ("nightly-1", "nightly-10", "weekly"):
        store.create_run(epoch, make_run(run_id), make_jobs(1, run_id))
    assert queries.find_run(store, "w").run_id == "weekly"
    assert queries.find_run(store, "nightly-1").run_id == "nightly-1"
    with pytest.raises(UnknownRunError, match="begins more than one run: nightly-1, nightly-10"):
        queries.find_run(store, "night")
    with pytest.raises(UnknownRunError, match=r"Did you mean weekly\?"):
        queries.find_run(store, "weakly")


def test_progress_counts_where_jobs_stand(store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(6)
    store.create_run(epoch, make_run(), jobs)
    run_all(store, epoch, jobs[:2])
    store.apply(epoch, [claim(jobs[2]), FinishWrite(jobs[3].job_id, Finish(Outcome.CANCELLED))])
    progress = queries.run_progress(store, "run-1")
    assert (progress.queued, progress.leased, progress.finished, progress.total) == (2, 1, 3, 6)
    assert progress.by_outcome == {Outcome.PASSED: 2, Outcome.CANCELLED: 1}
    assert [job.job_id for job in queries.jobs_of_run(store, "run-1", state=JobState.QUEUED)] == [
        jobs[4].job_id,
        jobs[5].job_id,
    ]
    assert queries.run_progress(store, "nothing").total == 0


def test_a_series_is_one_question_on_one_board_over_all_runs(store: Store, epoch: Epoch, clock: Clock) -> None:
    for number in range(3):
        clock.unix_s = 100.0 * (3 - number)
        jobs = make_jobs(2, f"run-{number}")
        store.create_run(epoch, make_run(f"run-{number}"), jobs)
        run_all(store, epoch, jobs)
    (one, other) = queries.results_of_run(store, "run-0")
    series = queries.results_of_series(
        store,
        model_sha256=one.model_sha256,
        board_id=one.board_id,
        config_digest=one.config_digest,
        scenario_digest=one.scenario_digest,
    )
    assert [entry.run_id for entry in series] == ["run-2", "run-1", "run-0"]
    assert {entry.config.threads for entry in series} == {1}
    assert other.config.threads == 2


def test_summaries_are_fetched_for_many_jobs_at_once(store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(3)
    store.create_run(epoch, make_run(), jobs)
    run_all(store, epoch, jobs[:2])
    store.apply(epoch, [claim(jobs[2])])
    store.apply(epoch, [settle(jobs[2])])
    asked = [jobs[0].job_id, jobs[2].job_id, "nobody", "a\0b"]
    assert queries.summaries_of_jobs(store, asked) == {jobs[0].job_id: make_summary()}


def test_estimates_are_medians_of_the_newest_results(store: Store, epoch: Epoch, clock: Clock) -> None:
    for number, took_s in enumerate((900.0, 1.0, 2.0, 3.0, 4.0, 5.0)):
        clock.unix_s = 100.0 * number
        (job,) = make_jobs(1, f"run-{number}")
        store.create_run(epoch, make_run(f"run-{number}"), [job])
        store.apply(epoch, [*board_writes("pi-4"), claim(job)])
        write = settle(job)
        store.apply(epoch, [replace(write, record=replace(write.record, duration_s=took_s))])
    (entry,) = queries.results_of_run(store, "run-0")
    question = queries.Question(entry.model_sha256, "raspberry-pi-4", entry.config_digest, entry.scenario_digest)
    assert queries.durations_by_question(store, [entry.model_sha256]) == {question: 3.0}
    assert queries.durations_by_question(store, ["another", "a\0b"]) == {}
    assert queries.durations_by_question(store, []) == {}


def test_artifacts_are_remembered_by_their_content(store: Store) -> None:
    store.put_artifact_row(ArtifactRef("a" * 64, 3, "first.onnx"))
    store.put_artifact_row(ArtifactRef("a" * 64, 3, "second.onnx"))
    assert store.known_artifacts(["a" * 64, "b" * 64, "\0"]) == {"a" * 64: ArtifactRef("a" * 64, 3, "first.onnx")}


def test_a_reader_sees_what_a_coordinator_is_writing_and_writes_nothing(url: str, store: Store, epoch: Epoch) -> None:
    with Store.open_readonly(url) as reader:
        assert queries.list_runs(reader) == []
        for number in range(3):
            store.create_run(epoch, make_run(f"run-{number}"), make_jobs(1, f"run-{number}"))
            assert len(queries.list_runs(reader)) == number + 1
        with reader.read() as snapshot:
            count = select(func.count()).select_from(RUN)
            assert snapshot.execute(count).scalar() == 3
            store.create_run(epoch, make_run("run-3"), make_jobs(1, "run-3"))
            assert snapshot.execute(count).scalar() == 3
        with pytest.raises(StoreError):
            reader.create_run(epoch, make_run("run-4"), [])
    assert len(queries.list_runs(store)) == 4
