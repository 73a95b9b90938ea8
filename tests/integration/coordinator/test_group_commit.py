"""The committer against a store whose moods the test decides; the writer thread is real."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from farm.coordinator.committer import Committer
from farm.errors import StaleEpochError, StoreError
from farm.model.attempt import AttemptRecord, ErrorKind, Lease, Outcome
from farm.scheduling.commands import Finish
from farm.store.writes import ClaimWrite, SettleWrite, Write, WriteResult

PATIENCE_S = 20.0


@dataclass
class MoodyStore:
    """Notes every transaction; `mood` may raise, `gate` holds the writer thread up while it is clear."""

    mood: Callable[[Sequence[Write]], None] = lambda writes: None
    transactions: list[list[Write]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def apply(self, epoch: int, writes: Sequence[Write]) -> list[WriteResult]:
        assert epoch == 7
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        self.mood(writes)
        self.transactions.append(list(writes))
        return [WriteResult.ACCEPTED] * len(writes)


@dataclass
class Desk:
    """A committer, its store, and what was answered."""

    store: MoodyStore
    committer: Committer
    answers: list[tuple[str, WriteResult]] = field(default_factory=list)
    stale: list[StaleEpochError] = field(default_factory=list)

    def put(self, name: str) -> None:
        self.committer.put(claim(name), lambda result: self.answers.append((name, result)))

    async def drained(self) -> None:
        await asyncio.wait_for(self.committer.drain(), PATIENCE_S)

    async def until(self, holds: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not holds():  # noqa: ASYNC110  # what is waited for has no event of its own
                await asyncio.sleep(0.005)

        await asyncio.wait_for(wait(), PATIENCE_S)


def claim(name: str) -> ClaimWrite:
    return ClaimWrite(Lease(name, 1), "board", 1)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store, stale = MoodyStore(), list[StaleEpochError]()
    committer = Committer(store, 7, stale=stale.append)
    yield Desk(store, committer, stale=stale)
    store.gate.set()
    await committer.close()


async def test_one_turn_of_the_loop_is_one_transaction_answered_in_order(desk: Desk) -> None:
    for number in range(50):
        desk.put(str(number))
    await desk.drained()
    assert len(desk.store.transactions) == 1
    assert desk.answers == [(str(number), WriteResult.ACCEPTED) for number in range(50)]


async def test_an_idle_farm_commits_at_once(desk: Desk) -> None:
    for number in range(3):
        desk.put(str(number))
        await desk.drained()
    assert [len(transaction) for transaction in desk.store.transactions] == [1, 1, 1]


async def test_while_a_transaction_runs_the_next_one_is_gathered(desk: Desk) -> None:
    desk.store.gate.clear()
    desk.put("first")
    await asyncio.to_thread(desk.store.entered.wait, PATIENCE_S)
    for number in range(20):
        desk.put(str(number))
        await asyncio.sleep(0)
    desk.store.gate.set()
    await desk.drained()
    assert [len(transaction) for transaction in desk.store.transactions] == [1, 20]


async def test_there_is_one_writer_thread_and_calls_use_it_too(desk: Desk) -> None:
    for number in range(5):
        desk.put(str(number))
        await desk.drained()
    caller = await desk.committer.call(lambda: threading.current_thread().name)
    assert desk.store.threads == {caller}
    assert caller != threading.current_thread().name


async def test_answers_wait_for_the_commit(desk: Desk) -> None:
    desk.store.gate.clear()
    desk.put("one")
    await asyncio.to_thread(desk.store.entered.wait, PATIENCE_S)
    assert desk.answers == []
    desk.store.gate.set()
    await desk.drained()
    assert desk.answers


async def test_a_database_that_goes_away_is_asked_again_until_it_is_back(desk: Desk) -> None:
    def gone(writes: Sequence[Write]) -> None:
        raise StoreError("The disk is full.")

    desk.store.mood = gone
    desk.put("early")
    await desk.until(lambda: desk.committer.trouble == "The disk is full.")
    desk.put("late")
    assert desk.answers == []
    desk.store.mood = lambda writes: None
    await desk.drained()
    assert [name for name, _ in desk.answers] == ["early", "late"]
    assert desk.committer.trouble == ""


async def test_a_transaction_that_hangs_is_seen(desk: Desk) -> None:
    desk.store.gate.clear()
    desk.put("one")
    await desk.until(lambda: "not answered" in desk.committer.trouble)
    desk.store.gate.set()
    await desk.drained()
    assert desk.committer.trouble == ""


async def test_one_write_that_is_refused_does_not_hold_up_the_others(desk: Desk) -> None:
    def picky(writes: Sequence[Write]) -> None:
        if claim("bad") in writes:
            raise StoreError("The database refuses.")

    desk.store.mood = picky
    for name in ("a", "bad", "b", "c"):
        desk.put(name)
    await desk.drained()
    assert sorted(name for name, _ in desk.answers) == ["a", "b", "c"]
    desk.put("d")
    await desk.drained()
    assert len(desk.answers) == 4
    # It is not given up either.
    desk.store.mood = lambda writes: None
    await desk.until(lambda: len(desk.answers) == 5)


async def test_a_record_that_no_store_takes_is_stored_without_its_content(desk: Desk) -> None:
    record = AttemptRecord(Lease("odd", 1), "board", 1, Outcome.PASSED, log_tail="\udc80")

    def defect(writes: Sequence[Write]) -> None:
        if any(isinstance(write, SettleWrite) and write.record.log_tail for write in writes):
            raise ValueError("surrogates not allowed")

    desk.store.mood = defect
    desk.put("sane")
    desk.committer.put(SettleWrite(record, Finish(Outcome.PASSED)), lambda result: desk.answers.append(("odd", result)))
    await desk.until(lambda: len(desk.answers) == 2)
    assert dict(desk.answers) == {"odd": WriteResult.ACCEPTED, "sane": WriteResult.ACCEPTED}
    [stored] = [write for writes in desk.store.transactions for write in writes if isinstance(write, SettleWrite)]
    assert (stored.record.lease, stored.record.outcome, stored.record.error_kind) == (
        Lease("odd", 1),
        Outcome.ERROR,
        ErrorKind.FARM,
    )
    assert "surrogates" in stored.record.error


async def test_a_store_with_a_defect_answers_nothing_and_takes_nothing_away(desk: Desk) -> None:
    """What is not answered is not acked, so the board keeps its record for a farm that has been mended."""

    def defect(writes: Sequence[Write]) -> None:
        raise NameError("name 'x' is not defined")

    desk.store.mood = defect
    record = AttemptRecord(Lease("j", 1), "board", 1, Outcome.PASSED)
    desk.committer.put(SettleWrite(record, Finish(Outcome.PASSED)), lambda result: desk.answers.append(("j", result)))
    desk.put("claim")
    await desk.until(lambda: "defect" in desk.committer.trouble)
    await asyncio.sleep(2.0)
    assert desk.answers == []
    desk.store.mood = lambda writes: None
    await desk.until(lambda: len(desk.answers) == 2)


async def test_a_newer_gateway_ends_all_writing(desk: Desk) -> None:
    def stale(writes: Sequence[Write]) -> None:
        raise StaleEpochError("Another coordinator has taken over.")

    desk.store.mood = stale
    desk.put("one")
    await desk.until(lambda: bool(desk.stale))
    desk.put("two")
    await desk.drained()
    assert desk.answers == []
    assert "taken over" in desk.committer.trouble
    assert desk.store.transactions == []
