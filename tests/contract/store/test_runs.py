from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from farm.errors import StaleEpochError, StoreError
from farm.model.attempt import Outcome
from farm.model.job import Config, Job, JobSpec, JobState, RunState
from farm.store import queries
from farm.store.audit import AuditKind
from farm.store.invariants import violations
from farm.store.store import Epoch, Store
from tests.contract.store.things import make_jobs, make_run, unsupported


def test_jobs_come_back_as_they_were_submitted(store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(5)
    assert store.create_run(epoch, make_run(), jobs)
    assert store.load_unfinished() == jobs
    assert queries.jobs_of_run(store, "run-1") == jobs


def test_a_command_needs_no_model(store: Store, epoch: Epoch) -> None:
    job = Job(JobSpec("c" * 64, "run-1", None, Config("command", options={"argv": '["true"]'})), ("pi-4",))
    store.create_run(epoch, make_run(), [job])
    assert store.load_unfinished() == [job]


def test_submitting_again_creates_nothing(store: Store, epoch: Epoch) -> None:
    assert store.create_run(epoch, make_run(), make_jobs(3))
    assert not store.create_run(epoch, make_run(), make_jobs(3))
    assert not store.create_run(epoch, replace(make_run(), name="other"), make_jobs(4))
    assert store.load_unfinished() == make_jobs(3)
    assert violations(store) == []


def test_of_many_who_submit_one_run_at_once_one_creates_it(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(4)]
    epoch = stores[0].hold("main", host="bench-1")
    jobs = make_jobs(200)
    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(lambda store: store.create_run(epoch, make_run(), jobs), stores))
    assert sorted(created) == [False, False, False, True]
    assert stores[0].load_unfinished() == jobs
    assert violations(stores[0]) == []


def test_what_no_board_can_run_is_stored_finished(store: Store, epoch: Epoch) -> None:
    runnable, hopeless = make_jobs(2)
    store.create_run(epoch, make_run(), [runnable, unsupported(hopeless)])
    assert store.load_unfinished() == [runnable]
    stored = queries.find_job(store, hopeless.job_id)
    assert (stored.state, stored.outcome) == (JobState.FINISHED, Outcome.UNSUPPORTED)
    assert stored.error == "needs 3 GiB, the board has 2"
    (entry,) = queries.audit_of_job(store, hopeless.job_id)
    assert entry.kind is AuditKind.FINISHED
    assert entry.detail == "unsupported; needs 3 GiB, the board has 2"
    assert queries.find_run(store, "run-1").state is RunState.OPEN


def test_a_run_that_no_board_can_run_is_over_at_once(store: Store, epoch: Epoch) -> None:
    store.create_run(epoch, make_run(), [unsupported(job) for job in make_jobs(2)])
    run = queries.find_run(store, "run-1")
    assert run.state is RunState.FINISHED
    assert run.finished_unix_s == 2_000.0
    assert violations(store) == []


def test_a_run_that_names_a_job_twice_is_refused_whole(store: Store, epoch: Epoch) -> None:
    (job,) = make_jobs(1)
    with pytest.raises(StoreError, match="refused"):
        store.create_run(epoch, make_run(), [job, job])
    assert queries.list_runs(store) == []
    assert store.create_run(epoch, make_run(), [job])


def test_a_stale_epoch_submits_nothing(store: Store, epoch: Epoch) -> None:
    store.hold("main", host="bench-1")
    with pytest.raises(StaleEpochError, match="epoch 2, this one's is 1"):
        store.create_run(epoch, make_run(), make_jobs(3))
    assert queries.list_runs(store) == []


def test_the_oldest_run_is_loaded_first(store: Store, epoch: Epoch) -> None:
    for run_id, created_unix_s in (("b", 20.0), ("a", 30.0), ("c", 10.0)):
        store.create_run(epoch, make_run(run_id, created_unix_s), make_jobs(2, run_id))
    assert [job.spec.run_id for job in store.load_unfinished()] == ["c", "c", "b", "b", "a", "a"]


def test_who_submitted_is_on_the_audit_rows(store: Store, epoch: Epoch) -> None:
    (job,) = make_jobs(1)
    store.create_run(epoch, make_run(), [job])
    (entry,) = queries.audit_of_job(store, job.job_id)
    assert (entry.kind, entry.actor, entry.at_unix_s, entry.epoch) == (AuditKind.QUEUED, "ada", 2_000.0, 1)
