"""What was returned from is on the disk; what was not left nothing behind."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from farm.errors import AlreadyRunningError, StoreError
from farm.model.job import RunState
from farm.store import queries
from farm.store.invariants import violations
from farm.store.store import Epoch, Store
from farm.store.writes import WriteResult
from tests.contract.store.postgres import PostgresServer, start_server
from tests.contract.store.things import board_writes, claim, expire, make_jobs, make_run, settle

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_returned(url: str, store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(3_000)
    store.create_run(epoch, make_run(), jobs)
    store.apply(epoch, board_writes("pi-4"))
    chance = random.Random(9)
    told: list[str] = []
    for _ in range(3):
        told += _work_until_killed(url, transactions=chance.randint(1, 40))
        passed = {entry.job_id for entry in queries.results_of_run(store, "run-1")}
        assert set(told) <= passed
        assert violations(store) == []
    assert len(told) == len(set(told)) > 0
    assert queries.find_run(store, "run-1").state is RunState.OPEN


def _work_until_killed(url: str, transactions: int) -> list[str]:
    """What the writer said before it was killed in the middle of whatever it did after so many transactions."""
    command = [sys.executable, "-m", "tests.contract.store.writer", url, "run-1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        lines = [writer.stdout.readline() for _ in range(transactions)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    # A last line without its end was cut by the kill; its transaction had returned all the same.
    return [job_id for line in lines for job_id in line.split() if len(job_id) == 64]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_full_disk_fails_a_batch_whole_and_the_next_one_works(store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(40)
    store.create_run(epoch, make_run(), jobs)
    store.apply(epoch, [*board_writes("pi-4"), *(claim(job) for job in jobs)])
    batch = [settle(job) for job in jobs]
    with _no_room_for_pages(store), pytest.raises(StoreError, match="the disk is full") as caught:
        store.apply(epoch, batch)
    assert "Free some space" in caught.value.hint
    assert queries.results_of_run(store, "run-1") == []
    assert violations(store) == []
    assert store.apply(epoch, batch) == [WriteResult.ACCEPTED] * 40
    assert violations(store) == []


@contextmanager
def _no_room_for_pages(store: Store) -> Iterator[None]:
    engine = store._database.engine

    def limit(connection: object) -> None:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar()  # type: ignore[attr-defined]
        connection.exec_driver_sql(f"PRAGMA max_page_count={used + 2}")  # type: ignore[attr-defined]

    event.listen(engine, "begin", limit)
    try:
        yield
    finally:
        event.remove(engine, "begin", limit)
        with store.read() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1073741823")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_that_may_not_grow_fails_a_batch_whole(url: str, store: Store, epoch: Epoch) -> None:
    jobs = make_jobs(100)
    store.create_run(epoch, make_run(), jobs)
    store.apply(epoch, [*board_writes("pi-4"), *(claim(job) for job in jobs)])
    log_bytes = Path(f"{store.where}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that goes with it, so a write beyond the limit is an error.
    resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes + 20_000, hard))
    try:
        with pytest.raises(StoreError, match=r"a size limit|the disk is full"):
            store.apply(epoch, [settle(job) for job in jobs])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert queries.results_of_run(store, "run-1") == []
    assert violations(store) == []
    assert store.apply(epoch, [settle(job) for job in jobs]) == [WriteResult.ACCEPTED] * 100
    with Store.open(url) as again:
        assert len(queries.results_of_run(again, "run-1")) == 100


@pytest.mark.postgres
def test_a_server_that_went_away_is_found_again(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start_server()
    assert isinstance(server, PostgresServer)
    try:
        with Store.open(server.url("postgres")) as store:
            epoch = store.hold("main", host="bench-1")
            jobs = make_jobs(2)
            store.create_run(epoch, make_run(), jobs)
            store.apply(epoch, [*board_writes("pi-4"), claim(jobs[0])])
            server.stop()
            for _ in range(2):
                with pytest.raises(StoreError, match="cannot be reached"):
                    store.apply(epoch, [settle(jobs[0]), claim(jobs[1])])
            server.start()
            assert store.apply(epoch, [settle(jobs[0]), claim(jobs[1])]) == [WriteResult.ACCEPTED] * 2
            assert violations(store) == []
            # Its lock went with the server, and was taken again.
            with Store.open(server.url("postgres")) as second, pytest.raises(AlreadyRunningError):
                second.hold("main", host="bench-2")
    finally:
        server.remove()


def test_a_busy_database_is_waited_for(open_store: Callable[[], Store]) -> None:
    first, second = open_store(), open_store()
    epoch = first.hold("main", host="bench-1")
    (job,) = make_jobs(1)
    first.create_run(epoch, make_run(), [job])
    first.apply(epoch, [*board_writes("pi-4"), claim(job)])
    with second._database.write() as connection:
        connection.exec_driver_sql("UPDATE gateway SET host = 'bench-2'")
        answers: list[WriteResult] = []
        waiting = threading.Thread(target=lambda: answers.extend(first.apply(epoch, [expire(job)])))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()
    assert answers == [WriteResult.ACCEPTED]
