"""Carrying out what the core asks for: writes to the committer, words to the agents, and the answers back.

A write is true when it is committed; only then the picture of the present changes, and only then the core hears of a
claim or a settlement. A database that loses its answer after a commit is sent the same write again and calls it stale
or a duplicate: whether it was our own shows in the picture, which still has the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from farm.coordinator.committer import Committer
from farm.coordinator.live import LiveFarm
from farm.coordinator.records import TakenRecord
from farm.coordinator.session import Session
from farm.model.attempt import Lease
from farm.model.job import JobState
from farm.scheduling import commands as ask
from farm.scheduling import events as hear
from farm.store.writes import ClaimWrite, ExpireWrite, FinishWrite, HealthWrite, SettleWrite, WriteResult
from farm.wire import gateway as wire

__all__ = ["Carrier"]


class Carrier:
    """`boards` says which stream serves a board now; `feed` tells the core."""

    def __init__(
        self,
        live: LiveFarm,
        committer: Committer,
        boards: Mapping[str, Session],
        feed: Callable[[hear.Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._live = live
        self._committer = committer
        self._boards = boards
        self._feed = feed
        self._clock = clock
        self._taken: dict[Lease, TakenRecord] = {}
        self._reporters: dict[Lease, Session] = {}
        self.lease_ended = asyncio.Event()
        """Set whenever an attempt is over, committed; whoever waits clears it."""
        self._carry: dict[type, Callable[[Any], None]] = {
            ask.Claim: self._claim,
            ask.Settle: self._settle,
            ask.Expire: self._expire,
            ask.FinishQueued: self._finish_queued,
            ask.SetHealth: self._set_health,
            ask.SendAssign: self._send_assign,
            ask.SendCancel: self._send_cancel,
            ask.Ack: self._ack,
        }

    def carry_out(self, command: ask.Command) -> None:
        """Do it, or have it done."""
        self._carry[type(command)](command)

    def hand_over(self, taken: TakenRecord, session: Session, size_bytes: int) -> None:
        """Tell the core of a record; its ack will go to whoever brought it last."""
        record = taken.record
        session.owe_ack(record.lease, size_bytes)
        self._reporters[record.lease] = session
        self._taken[record.lease] = taken
        self._feed(
            hear.RecordArrived(
                self._clock(), record.lease, record.board_id, record.outcome, record.error_kind, record.error
            )
        )
        # The core has asked for its settlement by now, or never will.
        del self._taken[record.lease]

    def forget(self, session: Session) -> None:
        """Acks have nowhere to go any more; the records will be sent again and answered as duplicates."""
        for lease in [lease for lease, reporter in self._reporters.items() if reporter is session]:
            del self._reporters[lease]

    # to the store

    def _claim(self, command: ask.Claim) -> None:
        write = ClaimWrite(command.lease, command.board_id, command.attempt)
        self._committer.put(write, partial(self._claimed, command))

    def _claimed(self, command: ask.Claim, result: WriteResult) -> None:
        accepted = result is not WriteResult.STALE
        if accepted:
            self._live.claimed(command.lease, command.board_id, command.attempt)
        self._feed(hear.ClaimCommitted(self._clock(), command.lease, accepted))

    def _settle(self, command: ask.Settle) -> None:
        taken = self._taken[command.lease]
        finished = isinstance(command.disposition, ask.Finish)
        write = SettleWrite(taken.record, command.disposition, taken.summary if finished else None)
        self._committer.put(write, partial(self._settled, command, taken.record.duration_s))

    def _settled(self, command: ask.Settle, took_s: float, result: WriteResult) -> None:
        ours = result is not WriteResult.STALE and self._live.holds(command.board_id, command.lease)
        if ours:
            self._lease_over(command, took_s)
        accepted = ours or result is WriteResult.ACCEPTED
        duplicate = result is WriteResult.DUPLICATE and not ours
        self._feed(hear.SettleCommitted(self._clock(), command.lease, accepted, duplicate))

    def _expire(self, command: ask.Expire) -> None:
        write = ExpireWrite(command.lease, command.board_id, command.disposition)
        self._committer.put(write, partial(self._expired, command))

    def _expired(self, command: ask.Expire, _result: WriteResult) -> None:
        if self._live.holds(command.board_id, command.lease):
            self._lease_over(command, 0.0)

    def _lease_over(self, command: ask.Settle | ask.Expire, took_s: float) -> None:
        end = command.disposition
        if isinstance(end, ask.Finish):
            job_id, board_id = command.lease.job_id, command.board_id
            self._live.finished(job_id, end, lease=command.lease, board_id=board_id, took_s=took_s)
        else:
            self._live.requeued(command.lease, command.board_id, end)
        self.lease_ended.set()

    def _finish_queued(self, command: ask.FinishQueued) -> None:
        def finished(_result: WriteResult) -> None:
            job = self._live.job(command.job_id)
            if job is not None and job.state is JobState.QUEUED:
                self._live.finished(command.job_id, command.finish, lease=None, board_id="")

        self._committer.put(FinishWrite(command.job_id, command.finish), finished)

    def _set_health(self, command: ask.SetHealth) -> None:
        def judged(_result: WriteResult) -> None:
            self._live.judged(command.board_id, health=command.health)

        self._committer.put(HealthWrite(command.board_id, command.health, command.evidence), judged)

    # to agents

    def _send_assign(self, command: ask.SendAssign) -> None:
        session = self._boards.get(command.board_id)
        job = self._live.job(command.lease.job_id)
        if session is not None and job is not None:
            session.send(wire.to_assign(command.board_id, command.lease, command.attempt, job.spec))

    def _send_cancel(self, command: ask.SendCancel) -> None:
        session = self._boards.get(command.board_id)
        if session is not None:
            session.send(wire.to_cancel(command.lease, command.reason))

    def _ack(self, command: ask.Ack) -> None:
        session = self._reporters.pop(command.lease, None)
        if session is not None:
            session.acked(command.lease)
            session.send(wire.to_ack(command.lease, recorded=command.recorded, duplicate=command.duplicate))
