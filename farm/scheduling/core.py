"""The core: who runs what, when, and for how long it may. Events in, commands out; no clock, no socket, no database.

Its host feeds it what happens, in order, and carries out what it asks for. Three promises of the host are what makes
the core right:

1. Store commands are applied in the order in which they were asked for, all or none of a batch, by one writer.
   So the core may reckon with an `Expire` or a `FinishQueued` at once; only a `Claim` and a `Settle` are answered.
2. Nothing is sent to a board before what it rests on is committed. The core asks for `SendAssign` on
   `ClaimCommitted` and for `Ack` on `SettleCommitted`, never earlier.
3. Messages of a stream that has ended are not passed on, and a new core hears of all unfinished jobs (`RunSubmitted`)
   before it hears of any board.

When the host dies nothing is lost: a new core is told what the store knows, holds every lease for its full time, and
learns from each board that attaches what it runs and what it has in its spool.

    >>> import random
    >>> from farm.model.attempt import Outcome
    >>> from farm.model.board import Board
    >>> from farm.model.job import Config, Job, JobSpec
    >>> from farm.scheduling.events import *
    >>> core = Core(rng=random.Random(0))
    >>> job = Job(JobSpec(job_id="j", run_id="r", model=None, config=Config("onnxruntime")), board_ids=("b",))
    >>> core.handle(RunSubmitted(0.0, (job,))) + core.handle(BoardAttached(0.1, Board("b", "linux", "bench")))
    []
    >>> [claim] = core.handle(BoardReady(0.2, "b"))
    >>> [assign] = core.handle(ClaimCommitted(0.3, claim.lease, accepted=True))
    >>> [settle] = core.handle(RecordArrived(9.0, claim.lease, "b", Outcome.PASSED))
    >>> [ack] = core.handle(SettleCommitted(9.1, claim.lease, accepted=True))
    >>> [type(command).__name__ for command in (claim, assign, settle, ack)], core.queued, core.leased
    (['Claim', 'SendAssign', 'Settle', 'Ack'], 0, 0)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.model.board import BoardIntent
from farm.model.job import JobState
from farm.scheduling import explain
from farm.scheduling.blame import Case, judge_lost, judge_record
from farm.scheduling.breaker import Breaker
from farm.scheduling.commands import (
    Ack,
    Command,
    Disposition,
    Expire,
    Finish,
    FinishQueued,
    Requeue,
    SendAssign,
    SendCancel,
    Settle,
)
from farm.scheduling.dispatch import Dispatcher
from farm.scheduling.events import (
    BoardAttached,
    BoardChanged,
    BoardDetached,
    BoardReady,
    CancelRequested,
    ClaimCommitted,
    Event,
    Heartbeat,
    IntentChanged,
    RebootAnnounced,
    RecordArrived,
    RunSubmitted,
    SettleCommitted,
    Tick,
)
from farm.scheduling.explain import BoardView
from farm.scheduling.health import judge_board, pardon
from farm.scheduling.policy import DEFAULT_POLICY, Policy
from farm.scheduling.slots import BoardSlot, JobSlot, Stage

__all__ = ["BoardView", "Core", "Policy"]

NOT_YOURS = "the lease of this attempt has passed to another"


class Core:
    """The pure state machine of scheduling. `rng` only chooses which of several idle boards is asked first."""

    def __init__(self, *, policy: Policy = DEFAULT_POLICY, rng: random.Random) -> None:
        self._policy = policy
        self._floor = Dispatcher(policy, rng)
        self._settling: dict[Lease, tuple[str, Disposition]] = {}
        self._pardoned: set[str] = set()
        # Each handler takes the one event type that it is filed under.
        self._handlers: dict[type, Callable[[Any, list[Command]], None]] = {
            RunSubmitted: self._run_submitted,
            BoardAttached: self._board_attached,
            BoardChanged: self._board_changed,
            BoardDetached: self._board_detached,
            BoardReady: self._board_ready,
            Heartbeat: self._heartbeat,
            ClaimCommitted: self._claim_committed,
            RecordArrived: self._record_arrived,
            SettleCommitted: self._settle_committed,
            RebootAnnounced: self._reboot_announced,
            CancelRequested: self._cancel_requested,
            IntentChanged: self._intent_changed,
            Tick: self._tick,
        }

    def handle(self, event: Event) -> list[Command]:
        """Take in what happened; returns what is to be done, in order. An event that makes no sense here is ignored."""
        out: list[Command] = []
        self._handlers[type(event)](event, out)
        return out

    # For people. None of these changes anything.

    @property
    def queued(self) -> int:
        """Jobs that wait for a board."""
        return len(self._floor.queue)

    @property
    def leased(self) -> int:
        """Jobs that are being claimed, worked on or recorded."""
        return len(self._floor.held)

    def board_view(self, board_id: str) -> BoardView:
        """The three columns of a board and what it works on; a board that never attached is offline."""
        return explain.view_board(board_id, self._floor.boards.get(board_id))

    def why(self, job_id: str) -> str:
        """What a job waits for, in words."""
        return explain.why(job_id, self._floor.jobs.get(job_id), self._floor.boards, self._floor.queue)

    def remaining_s(self, run_id: str | None = None) -> float:
        """About how long until this run, or everything, is done; 0 when it is. Looks at every job: for people only."""
        return explain.remaining_s(self._floor.jobs.values(), self._floor.boards, run_id)

    # Jobs.

    def _run_submitted(self, event: RunSubmitted, out: list[Command]) -> None:
        for job in event.jobs:
            if job.job_id in self._floor.jobs or job.state is JobState.FINISHED:
                continue
            if not job.board_ids and job.state is JobState.QUEUED:
                nobody = Finish(Outcome.UNSUPPORTED, ErrorKind.JOB, "no board may run it")
                out.append(FinishQueued(event, job.job_id, nobody))
                continue
            slot = self._floor.enter(job, event.now)
            if slot.stage is Stage.LEASED:
                self._arm(slot, event.now)
        self._floor.wake(None, event, out)

    def _cancel_requested(self, event: CancelRequested, out: list[Command]) -> None:
        for job_id in event.job_ids:
            slot = self._floor.jobs.get(job_id)
            if slot is None:
                continue
            slot.cancel_reason = event.reason
            if slot.stage is Stage.QUEUED:
                self._finish_queued(slot, event, out)
            elif slot.stage is Stage.LEASED:
                self._send_cancel(slot, event.reason, event, out)

    def _finish_queued(self, slot: JobSlot, event: Event, out: list[Command]) -> None:
        finish = Finish(Outcome.CANCELLED, None, slot.cancel_reason or "")
        out.append(FinishQueued(event, slot.job.job_id, finish))
        self._floor.leave(slot)

    # Boards.

    def _board_attached(self, event: BoardAttached, out: list[Command]) -> None:
        board_id = event.board.board_id
        board = self._floor.boards.get(board_id)
        if board is None:
            board = self._floor.boards[board_id] = BoardSlot(event.board, event.health, Breaker(self._policy))
        board.board = event.board
        board.intent = event.intent
        board.begin_session()
        if board_id in self._pardoned:
            self._pardoned.discard(board_id)
            if (change := pardon(board, event)) is not None:
                out.append(change)
        listed = {*event.running, *event.spooled}
        for lease in event.running:
            self._renew(board, lease, event, out)
        for slot in [slot for slot in self._floor.held.values() if slot.board_id == board_id]:
            if slot.stage is not Stage.LEASED:
                continue
            if slot.lease in listed:
                board.lease = slot.lease
                slot.deadline = min(event.now + self._policy.lease_s, slot.hard_stop)
                if slot.cancel_reason is not None:
                    self._send_cancel(slot, slot.cancel_reason, event, out)
            else:
                self._lose(slot, ErrorKind.AGENT, "its agent came back without it: it was lost in a crash", event, out)
        self._floor.file_anew(event, out)

    def _board_changed(self, event: BoardChanged, out: list[Command]) -> None:
        board = self._floor.boards.get(event.board.board_id)
        if board is not None:
            board.board = event.board

    def _board_detached(self, event: BoardDetached, out: list[Command]) -> None:
        board = self._floor.boards.get(event.board_id)
        if board is not None and board.attached:
            board.end_session()
            self._floor.file_anew(event, out)

    def _board_ready(self, event: BoardReady, out: list[Command]) -> None:
        board = self._floor.boards.get(event.board_id)
        if board is not None and board.attached:
            board.credit = True
            self._floor.offer(board, event, out)

    def _intent_changed(self, event: IntentChanged, out: list[Command]) -> None:
        board = self._floor.boards.get(event.board_id)
        if board is None:
            # It may be in quarantine, as the store will say when it attaches; the operator's word holds then.
            if event.intent is BoardIntent.ENABLED:
                self._pardoned.add(event.board_id)
            return
        board.intent = event.intent
        if event.intent is BoardIntent.ENABLED and (change := pardon(board, event)) is not None:
            out.append(change)
        self._floor.file_anew(event, out)
        self._floor.offer(board, event, out)

    # Leases.

    def _claim_committed(self, event: ClaimCommitted, out: list[Command]) -> None:
        slot = self._floor.held.get(event.lease.job_id)
        if slot is None or slot.stage is not Stage.CLAIMING or slot.lease != event.lease:
            return
        board = self._floor.boards[slot.board_id]
        same_session = board.session == slot.session
        if event.accepted and same_session and board.serves and slot.cancel_reason is None:
            slot.stage = Stage.LEASED
            self._arm(slot, event.now)
            out.append(SendAssign(event, slot.board_id, event.lease, slot.attempts + 1))
            return
        if same_session:
            board.credit = board.attached
        if not event.accepted:
            self._floor.leave(slot)  # Somebody else has it; a RunSubmitted brings it back if it is ours after all.
        elif slot.cancel_reason is not None:
            self._expire(slot, Finish(Outcome.CANCELLED, None, slot.cancel_reason), event, out)
        else:
            # No board ever heard of this lease: there is nothing to wait for and nobody to blame.
            why = "the board was gone before it was told of the job"
            never_sent = Requeue(ErrorKind.INFRASTRUCTURE, why, counts=False)
            self._expire(slot, never_sent, event, out)
        self._floor.offer(board, event, out)

    def _arm(self, slot: JobSlot, now: float) -> None:
        """The lease runs in full from now; and it can't be renewed for ever, however lively the agent."""
        slot.deadline = now + self._policy.lease_s
        slot.hard_stop = now + slot.job.spec.limits.attempt_s + self._policy.reboot_deadline_s

    def _holder(self, lease: Lease, board_id: str) -> JobSlot | None:
        """The job whose newest lease this is, if it is this board's and was sent to it."""
        slot = self._floor.held.get(lease.job_id)
        if slot is None or slot.lease != lease or slot.board_id != board_id or slot.stage is Stage.CLAIMING:
            return None
        return slot

    def _heartbeat(self, event: Heartbeat, out: list[Command]) -> None:
        board = self._floor.boards.get(event.board_id)
        if board is not None and board.attached:
            for lease in event.running:
                self._renew(board, lease, event, out)

    def _renew(self, board: BoardSlot, lease: Lease, event: BoardAttached | Heartbeat, out: list[Command]) -> None:
        slot = self._floor.held.get(lease.job_id)
        if slot is None or slot.lease != lease:
            out.append(SendCancel(event, board.board.board_id, lease, NOT_YOURS))
        elif slot.stage is Stage.LEASED and slot.board_id == board.board.board_id:
            # An announced reboot may have bought more time than a heartbeat does; it is not to be cut short.
            slot.deadline = min(max(slot.deadline, event.now + self._policy.lease_s), slot.hard_stop)

    def _reboot_announced(self, event: RebootAnnounced, out: list[Command]) -> None:
        board = self._floor.boards.get(event.board_id)
        slot = self._holder(event.lease, event.board_id)
        if board is not None and slot is not None:
            board.rebooting = True
            slot.deadline = min(event.now + self._policy.reboot_deadline_s, slot.hard_stop)

    def _tick(self, event: Tick, out: list[Command]) -> None:
        now = event.now
        for slot in [each for each in self._floor.held.values() if each.deadline <= now]:
            if slot.stage is Stage.LEASED:
                error = explain.why_lost(slot, self._floor.boards.get(slot.board_id), self._policy)
                self._send_cancel(slot, NOT_YOURS, event, out)
                self._lose(slot, ErrorKind.INFRASTRUCTURE, error, event, out)

    def _send_cancel(self, slot: JobSlot, reason: str, event: Event, out: list[Command]) -> None:
        """Sent only where someone can hear it; a board that attaches later is told then."""
        board = self._floor.boards.get(slot.board_id)
        if board is not None and board.attached and slot.lease is not None:
            out.append(SendCancel(event, slot.board_id, slot.lease, reason))

    # The ends of attempts.

    def _record_arrived(self, event: RecordArrived, out: list[Command]) -> None:
        if event.lease in self._settling:
            return  # The same record again; the answer to the first one answers both.
        slot = self._floor.held.get(event.lease.job_id)
        if slot is not None and slot.stage is Stage.CLAIMING and slot.lease == event.lease:
            # Nobody was given this lease yet: the board has a record of another database, restored or replaced.
            out.append(Ack(event, event.board_id, event.lease, recorded=False))
            return
        slot = self._holder(event.lease, event.board_id)
        if slot is None:
            # Late, repeated or unheard of. Which of them, only the store knows.
            case = Case(event.board_id, attempts=1, max_attempts=self._policy.max_attempts)
            disposition = judge_record(case, event.outcome, event.error_kind, event.error)
        else:
            slot.stage = Stage.SETTLING
            case = self._case(slot)
            disposition = judge_record(case, event.outcome, event.error_kind, event.error)
            if (change := judge_board(self._floor.boards, slot, event, disposition)) is not None:
                out.append(change)
                self._floor.file_anew(event, out)
        self._settling[event.lease] = (event.board_id, disposition)
        out.append(Settle(event, event.lease, event.board_id, disposition))

    def _settle_committed(self, event: SettleCommitted, out: list[Command]) -> None:
        settling = self._settling.pop(event.lease, None)
        if settling is None:
            return
        board_id, disposition = settling
        out.append(Ack(event, board_id, event.lease, recorded=event.accepted, duplicate=event.duplicate))
        slot = self._holder(event.lease, board_id)
        if slot is None:
            return
        if event.accepted or event.duplicate:
            # A duplicate under the newest lease: the transaction was repeated, and the first time had held after all.
            self._close(slot, disposition, event, out)
        else:
            self._floor.leave(slot)  # The store knows better; a RunSubmitted brings it back if it is ours after all.

    def _case(self, slot: JobSlot) -> Case:
        return Case(
            slot.board_id,
            slot.attempts + 1,
            self._policy.max_attempts,
            slot.failed_boards,
            slot.tried_boards,
            self._floor.another_board(slot),
            slot.cancel_reason,
        )

    def _lose(self, slot: JobSlot, kind: ErrorKind, error: str, event: Event, out: list[Command]) -> None:
        self._expire(slot, judge_lost(self._case(slot), kind, error), event, out)

    def _expire(self, slot: JobSlot, disposition: Disposition, event: Event, out: list[Command]) -> None:
        out.append(Expire(event, Lease(slot.job.job_id, slot.fence), slot.board_id, disposition))
        self._close(slot, disposition, event, out)

    def _close(self, slot: JobSlot, disposition: Disposition, event: Event, out: list[Command]) -> None:
        """The attempt is over: finish the job, or queue it again."""
        if isinstance(disposition, Finish):
            self._floor.leave(slot)
            return
        if disposition.blames_board and slot.board_id not in slot.failed_boards:
            slot.failed_boards += (slot.board_id,)
        if slot.cancel_reason is not None:
            self._finish_queued(slot, event, out)
        else:
            self._floor.requeue(slot, event, out, counts=disposition.counts)
