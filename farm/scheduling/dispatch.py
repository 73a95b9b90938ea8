"""Bringing queued jobs and free boards together: where jobs and boards stand, and the one place a claim is made.

A claim needs a job that may run on the board, and a board that serves (attached, enabled, not quarantined) and has a
credit. Two things can complete such a pair: a board asks (`offer`), or work comes while boards idle (`wake`).

A job that failed on a board keeps away from it as long as another of its boards serves. When boards come and go those
few jobs are filed anew (`file_anew`); all others never move.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from farm.model.attempt import Lease
from farm.model.job import Job
from farm.scheduling.commands import Claim, Command
from farm.scheduling.events import Event
from farm.scheduling.order import Queue
from farm.scheduling.policy import Policy
from farm.scheduling.slots import BoardSlot, JobSlot, Stage

__all__ = ["Dispatcher"]


class Dispatcher:
    """All unfinished jobs, all boards ever attached. `held` are the jobs that are being claimed, run or recorded."""

    def __init__(self, policy: Policy, rng: random.Random) -> None:
        self._rng = rng
        self.jobs: dict[str, JobSlot] = {}
        self.held: dict[str, JobSlot] = {}
        self.boards: dict[str, BoardSlot] = {}
        self.queue = Queue(policy)
        self._idle: dict[str, BoardSlot] = {}
        self._avoiding: set[str] = set()

    def enter(self, job: Job, now: float) -> JobSlot:
        """A job that the core has not known; it is queued, or held by the board that the store says."""
        slot = self.jobs[job.job_id] = JobSlot(job)
        if slot.stage is Stage.QUEUED:
            self._enqueue(slot, now)
        else:
            slot.hold(job.board_id, Lease(job.job_id, job.fence))
            self.held[job.job_id] = slot
        return slot

    def leave(self, slot: JobSlot) -> None:
        """The job is over, or no business of this core."""
        job_id = slot.job.job_id
        del self.jobs[job_id]
        self._unhold(slot)
        self.queue.remove(job_id)
        self._avoiding.discard(job_id)

    def requeue(self, slot: JobSlot, event: Event, out: list[Command], *, counts: bool = True) -> None:
        """The job has no board any more: queue it, and offer it to those that idle. `counts`: see `Requeue`."""
        self._unhold(slot)
        slot.release(counts=counts)
        self._enqueue(slot, event.now)
        self.wake(self.queue.boards_of(slot.job.job_id), event, out)

    def another_board(self, slot: JobSlot) -> bool:
        """Whether a board serves now that may run the job and has not tried it."""
        return self._one_serves(board_id for board_id in slot.job.board_ids if board_id not in slot.tried_boards)

    def offer(self, board: BoardSlot, event: Event, out: list[Command]) -> None:
        """Claim the board's next job, if it has a credit and serves."""
        board_id = board.board.board_id
        job = self.queue.take(board_id, event.now) if board.credit and board.serves else None
        if job is None:
            self._idle[board_id] = board
            return
        self._idle.pop(board_id, None)
        board.credit = False
        slot = self.jobs[job.job_id]
        slot.stage = Stage.CLAIMING
        slot.fence += 1
        slot.session = board.session
        lease = Lease(job.job_id, slot.fence)
        slot.hold(board_id, lease)
        board.lease = lease
        self.held[job.job_id] = slot
        out.append(Claim(event, lease, board_id, slot.attempts + 1))

    def wake(self, board_ids: Iterable[str] | None, event: Event, out: list[Command]) -> None:
        """There is new work for these boards, or for any (None)."""
        if not self._idle or not self.queue:
            return
        boards = [
            self._idle[board_id]
            for board_id in (self._idle if board_ids is None else board_ids)
            if board_id in self._idle
        ]
        # So that single jobs don't always fall to the same board.
        self._rng.shuffle(boards)
        for board in boards:
            self.offer(board, event, out)

    def file_anew(self, event: Event, out: list[Command]) -> None:
        """A board came, went or changed: jobs that keep away from some may have others now, or none."""
        for job_id in sorted(self._avoiding & self.jobs.keys()):
            slot = self.jobs[job_id]
            if slot.stage is Stage.QUEUED and self.queue.boards_of(job_id) != self._boards_for(slot):
                self.queue.remove(job_id)
                self._enqueue(slot, event.now)
                self.wake(self.queue.boards_of(job_id), event, out)

    def _enqueue(self, slot: JobSlot, now: float) -> None:
        if slot.failed_boards:
            self._avoiding.add(slot.job.job_id)
        self.queue.add(slot.job, self._boards_for(slot), now)

    def _unhold(self, slot: JobSlot) -> None:
        self.held.pop(slot.job.job_id, None)
        board = self.boards.get(slot.board_id)
        if board is not None and board.lease == slot.lease:
            board.lease = None
            board.rebooting = False

    def _boards_for(self, slot: JobSlot) -> tuple[str, ...]:
        """Those it didn't fail on, if one serves now; else any: to wait for a board that is away helps no one."""
        if slot.failed_boards:
            others = tuple(board_id for board_id in slot.job.board_ids if board_id not in slot.failed_boards)
            if self._one_serves(others):
                return others
        return slot.job.board_ids

    def _one_serves(self, board_ids: Iterable[str]) -> bool:
        boards = self.boards
        return any(board_id in boards and boards[board_id].serves for board_id in board_ids)
