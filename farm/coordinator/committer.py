"""Group commit: many small writes of the event loop become one transaction of one writer thread.

    idle                 a write is committed at once
    busy                 writes are collected for 2 ms, or for as long as the transaction before them takes
    the database fails   the same batch is tried again, with back-off, for ever; nothing is answered meanwhile
    a newer gateway      `StaleEpochError`: nothing is written any more, and the host is told to stop

One write can't hold the others up: when a batch is refused again and again, each is tried alone, and what alone is
refused is set aside and tried on beside the rest, for ever. An error that is no `StoreError` is a defect that trying
again won't mend: the record is then tried without its content and with what was wrong. Nothing is ever answered that
was not committed: what can't be written stays on its board.

The next transaction begins only when the answers of the one before are given. Letting them overlap was tried: loop and
writer then take the interpreter's lock from each other at each row, and a busy farm recorded a quarter less.

`fsync` is the price of a transaction, not of a write: the window buys throughput for a delay that nobody notices.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from farm.errors import StaleEpochError, StoreError
from farm.model.attempt import AttemptRecord, ErrorKind, Outcome
from farm.scheduling.commands import Finish
from farm.store.writes import SettleWrite, Write, WriteResult

__all__ = ["Committer", "WritesToStore"]

logger = logging.getLogger(__name__)

Epoch = TypeVar("Epoch", contravariant=True)
T = TypeVar("T")

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_SLOW_S = 1.0
"""A transaction that takes longer says that something is wrong: SQLite's lock, a server that is gone."""
_PATIENCE = 3
"""Failures in a row before the writes of a batch are tried one by one, and before that is given up."""


class WritesToStore(Protocol[Epoch]):
    """What the committer needs of `farm.store.store.Store`."""

    def apply(self, epoch: Epoch, writes: Sequence[Write]) -> Sequence[WriteResult]: ...


@dataclass(frozen=True)
class _Item:
    write: Write
    answer: Callable[[WriteResult], None] | None


class Committer:
    """Owns the writer thread. Create and use it on one event loop.

    `after_batch` runs on the loop when all answers of a transaction were given; `stale` when a newer gateway has
    taken over.
    """

    def __init__(
        self,
        store: WritesToStore[Epoch],
        epoch: Epoch,
        *,
        after_batch: Callable[[], None] = lambda: None,
        stale: Callable[[StaleEpochError], None] = lambda error: None,
        window_s: float = 0.002,
    ) -> None:
        self._apply: Callable[[Sequence[Write]], Sequence[WriteResult]] = lambda writes: store.apply(epoch, writes)
        self._after_batch = after_batch
        self._stale = stale
        self._window_s = window_s
        self._pending: list[_Item] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._aside: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-writer")
        self._task = asyncio.create_task(self._run(), name="committer")
        self._refusal = ""
        self._sent_at: float | None = None
        self.transactions = 0
        self.writes = 0

    @property
    def trouble(self) -> str:
        """Why nothing can be recorded now, in words; empty when all is well."""
        if self._refusal or self._sent_at is None:
            return self._refusal
        waited_s = time.monotonic() - self._sent_at
        return f"The database has not answered for {waited_s:.0f} s." if waited_s > _SLOW_S else ""

    def put(self, write: Write, answer: Callable[[WriteResult], None] | None = None) -> None:
        """Have it written; `answer` is called on the loop once its transaction is committed, in the order of `put`."""
        self._pending.append(_Item(write, answer))
        self._wake.set()
        self._idle.clear()

    async def call(self, function: Callable[[], T]) -> T:
        """Run something else on the writer thread, between two transactions."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def drain(self) -> None:
        """Wait until everything that was put is committed and answered, or a newer gateway has taken over."""
        idle = asyncio.ensure_future(self._idle.wait())
        await asyncio.wait({idle, self._task}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()

    async def close(self) -> None:
        """Stop. What was not drained is not written; its board still has it in its spool."""
        tasks = [self._task, *self._aside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    async def _run(self) -> None:
        busy = False
        try:
            while True:
                if not self._pending:
                    busy = False
                    self._idle.set()
                    self._wake.clear()
                    await self._wake.wait()
                # At least one turn: whatever else the loop is about to put belongs to the same transaction.
                await asyncio.sleep(self._window_s if busy else 0)
                batch, self._pending = self._pending, []
                await self._commit(batch)
                busy = len(batch) > 1
        except StaleEpochError as error:
            self._refusal = error.message
            self._stale(error)

    async def _commit(self, batch: list[_Item]) -> None:
        """Write and answer all of it, or set aside what alone is refused while the rest is not."""
        failures = 0
        while batch:
            error = await self._attempt(batch)
            if error is None:
                self._recovered()
                return
            failures += 1
            self._complain(error, len(batch))
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**failures, _LONGEST_PAUSE_S))
            if failures >= _PATIENCE:
                if len(batch) > 1:
                    batch = await self._one_by_one(batch)
                elif not isinstance(error, StoreError):
                    batch = [replace(batch[0], write=_without_content(batch[0].write, error))]

    async def _attempt(self, batch: list[_Item]) -> Exception | None:
        """None when it is written and answered, else what went wrong; raises `StaleEpochError`."""
        loop = asyncio.get_running_loop()
        self._sent_at = time.monotonic()
        try:
            results = await loop.run_in_executor(self._thread, self._apply, [item.write for item in batch])
        except StaleEpochError:
            raise
        except Exception as error:
            return error
        finally:
            self._sent_at = None
        self._answer(batch, results)
        return None

    async def _one_by_one(self, batch: list[_Item]) -> list[_Item]:
        """Find out whether the database is gone for all (then all come back) or refuses only some (set aside)."""
        refused: list[_Item] = []
        written = 0
        for position, item in enumerate(batch):
            if await self._attempt([item]) is not None:
                refused.append(item)
                if not written and len(refused) == _PATIENCE:
                    return [*batch[position + 1 :], *refused]
            else:
                written += 1
        if not written:
            return refused
        self._recovered()
        for item in refused:
            self._aside.add(task := asyncio.create_task(self._commit_aside(item), name="write-set-aside"))
            task.add_done_callback(self._aside.discard)
        return []

    async def _commit_aside(self, item: _Item) -> None:
        with suppress(StaleEpochError):  # the next batch will hear of it too
            await self._commit([item])

    def _answer(self, batch: Sequence[_Item], results: Sequence[WriteResult]) -> None:
        self.transactions += 1
        self.writes += len(batch)
        for item, result in zip(batch, results):
            if item.answer is not None:
                item.answer(result)
        self._after_batch()

    def _complain(self, error: Exception, waiting: int) -> None:
        if not self._refusal:
            trace = None if isinstance(error, StoreError) else error
            logger.warning("nothing can be recorded now, %d writes wait: %s", waiting, error, exc_info=trace)
        self._refusal = error.message if isinstance(error, StoreError) else f"The store has a defect: {error!r}."

    def _recovered(self) -> None:
        if self._refusal:
            logger.warning("the database takes writes again")
            self._refusal = ""


def _without_content(write: Write, error: Exception) -> Write:
    """A record that the store cannot write, stripped to its lease and what was wrong; other writes as they are."""
    if not isinstance(write, SettleWrite):
        return write
    text = f"The record could not be stored: {error}"[:1000]
    record = AttemptRecord(
        lease=write.record.lease,
        board_id=write.record.board_id,
        attempt=write.record.attempt,
        outcome=Outcome.ERROR,
        error_kind=ErrorKind.FARM,
        error=text,
    )
    return SettleWrite(record, Finish(Outcome.ERROR, ErrorKind.FARM, text))
