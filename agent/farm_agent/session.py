"""The session: the agent's one loop, from the first dial to the last goodbye.

    Hello -> Welcome -> records that were spooled -> Ready ... Assign -> a worker carries it out
                                                                 record + Ready -> Ack -> the record is deleted

Everything that happens (a directive, a phase of an attempt, a finished one, a signal) is put into one inbox and handled
by this loop alone, so nothing here needs a lock. Attempts run on workers and do not notice whether there is a link.

One `Ready` is one credit: a board gets it when it idles and what it did has been sent, in the same message. An
assignment that runs already, or whose record is spooled, is not carried out again.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Union

import farm_agent
from devicefarm.v1 import attempt_pb2, board_pb2, gateway_pb2
from farm_agent.boards.base import Board
from farm_agent.connection import Connection
from farm_agent.delivery import Uploader, columns_to_put
from farm_agent.errors import RefusedError
from farm_agent.lease import Lease
from farm_agent.light import give_memory_back
from farm_agent.link import PROTOCOL, Ended, Link, Received
from farm_agent.stop import StopCause
from farm_agent.worker import Finished, PhaseEntered, Progressed, Worker, Workshop, hold

__all__ = ["Session"]

logger = logging.getLogger(__name__)

_DELIVERY_S = 5.0
_CANCEL_GRACE_S = 30.0
_GOODBYE_S = 0.5
_PROGRESS_EVERY_S = 0.5
_REPAIR_EVERY_S = 60.0
_IDLE_S = 3600.0


@dataclass(frozen=True)
class _Slimmed:
    """The large columns of a record have been put; it can be sent."""

    connection: Connection
    record: attempt_pb2.AttemptRecord


@dataclass(frozen=True)
class _StopAsked:
    reason: str
    at_once: bool


_Event = Union[Received, Ended, _Slimmed, _StopAsked, PhaseEntered, Progressed, Finished]


class Session:
    """Serves `boards` (by board id) until it is asked to stop. `unfit` are those that must not take jobs yet, and why.

    `drain_timeout_s` is how long attempts may go on after the first request to stop.
    """

    def __init__(
        self,
        agent_id: str,
        boards: Mapping[str, Board],
        workshop: Workshop,
        link: Link,
        unfit: Mapping[str, str],
        drain_timeout_s: float = 600.0,
    ) -> None:
        self._agent_id = agent_id
        self._instance = uuid.uuid4().hex
        self._boards = boards
        self._workshop = workshop
        self._spool = workshop.spool
        self._link = link
        self._inbox: SimpleQueue[_Event] = SimpleQueue()
        link.listen(self._inbox.put)
        self._uploader = Uploader(
            lambda connection, record: self._inbox.put(_Slimmed(connection, record)),
            lambda connection, why: self._inbox.put(Ended(connection, why)),
        )

        self._workers: dict[str, Worker] = {}
        self._unspooled: dict[Lease, attempt_pb2.AttemptRecord] = {}
        self._settled: deque[Lease] = deque(maxlen=256)
        self._unfit = dict(unfit)
        self._repair_at = time.monotonic() + _REPAIR_EVERY_S
        self._progress_at: dict[Lease, float] = {}

        # Since the Welcome.
        self._credits: set[str] = set()
        self._uploading: dict[Lease, str] = {}
        self._told_to_drain = False

        # Since the request to stop.
        self._drain_timeout_s = drain_timeout_s
        self._stop_reason = ""
        self._cancel_at: float | None = None
        self._abandon_at: float | None = None
        self._leave_at: float | None = None

    def stop(self, reason: str, *, at_once: bool = False) -> None:
        """Ask to stop, from any thread or a signal handler: drain; `at_once`, or asked again: cancel what runs."""
        self._inbox.put(_StopAsked(reason, at_once))

    def run(self) -> None:
        """Serve until asked to stop, everything is put back and, while there is a link, delivered.

        Raises `RefusedError` when the coordinator will not have this agent; also then everything is put back first.
        """
        try:
            while not self._is_over():
                self._do_what_is_due()
                self._handle_next()
                self._offer_credits()
                self._link.flush()
        except RefusedError:
            self._cancel_all("the coordinator refused this agent")
            for worker in self._workers.values():
                worker.join(_CANCEL_GRACE_S)
            raise
        finally:
            self._link.close(_GOODBYE_S)

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._cancel_at is not None and now >= self._cancel_at:
            self._cancel_all(f"{self._stop_reason}, and the drain time-out of {self._drain_timeout_s:g} s is up")
        if now >= self._repair_at:
            self._repair()
        self._link.tick(self._hello, self._heartbeat)

    def _handle_next(self) -> None:
        due = [self._link.due(), self._repair_at if self._unfit or self._spool.exhausted else _never()]
        due.extend(at for at in (self._cancel_at, self._abandon_at, self._leave_at) if at is not None)
        try:
            event = self._inbox.get(timeout=max(0.0, min(due) - time.monotonic()))
        except Empty:
            return
        if isinstance(event, Received):
            for directive in self._link.hear(event):
                self._obey(directive)
        elif isinstance(event, Ended):
            self._link.end(event)
        elif isinstance(event, _Slimmed):
            if event.connection is self._link.connection:
                self._uploading.pop(Lease(event.record.job_id, event.record.fence), None)
                self._link.say(gateway_pb2.AgentEvent(record=event.record))
        elif isinstance(event, _StopAsked):
            self._begin_to_stop(event)
        elif isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, PhaseEntered):
            self._say_phase(event)
        else:
            self._say_progress(event)

    # What the coordinator asks for.

    def _obey(self, directive: gateway_pb2.Directive) -> None:
        kind = directive.WhichOneof("directive")
        if kind == "welcome":
            self._begin_anew()
        elif kind == "assign":
            self._take(directive.assign)
        elif kind == "cancel":
            self._cancel(directive.cancel)
        elif kind == "ack":
            self._forget(directive.ack)
        elif kind == "drain":
            logger.info("the coordinator asks for no more credits: %s", directive.drain.reason)
            self._told_to_drain = True
        else:
            logger.warning("the coordinator said something that this release does not know; ignored")

    def _begin_anew(self) -> None:
        """A new stream: what was said on the last one may be lost, so say it again."""
        self._credits.clear()
        self._uploading.clear()
        self._told_to_drain = False
        for lease in (*self._spool.leases(), *self._unspooled):
            self._deliver(lease)
        for worker in self._workers.values():
            if worker.last_phase is not None:
                self._say_phase(worker.last_phase)
        if self._stop_reason:
            self._say_draining()
        give_memory_back()

    def _take(self, assign: gateway_pb2.Assign) -> None:
        lease = Lease(assign.job.job_id, assign.fence)
        worker = self._workers.get(assign.board_id)
        if worker is not None and worker.lease == lease:
            logger.info("attempt %s was assigned again; it runs already", lease)
            return
        self._credits.discard(assign.board_id)
        if lease in self._unspooled or lease in self._spool.leases():
            logger.info("attempt %s was assigned again; it is over, and its record is sent again", lease)
            self._deliver(lease)
        elif lease in self._settled:
            logger.info("attempt %s was assigned again; its record is acknowledged already", lease)
        elif assign.board_id not in self._boards:
            self._decline(assign, f"This agent has no board {assign.board_id}.")
        elif self._stop_reason:
            why = f"The agent is ending ({self._stop_reason}); the job was not begun."
            self._decline(assign, why, attempt_pb2.OUTCOME_CANCELLED)
        elif worker is not None:
            self._decline(assign, f"The board {assign.board_id} is still busy with attempt {worker.lease}.")
        elif assign.board_id in self._unfit:
            self._decline(assign, f"The board {assign.board_id} is not itself: {self._unfit[assign.board_id]}.")
        else:
            logger.info("attempt %s on %s begins", lease, assign.board_id)
            worker = Worker(assign, self._boards[assign.board_id], self._workshop, self._inbox.put)
            self._workers[assign.board_id] = worker
            worker.start()

    def _decline(
        self, assign: gateway_pb2.Assign, why: str, outcome: attempt_pb2.Outcome = attempt_pb2.OUTCOME_ERROR
    ) -> None:
        """Give a job back at once, instead of letting its lease run out."""
        lease = Lease(assign.job.job_id, assign.fence)
        logger.warning("attempt %s is declined: %s", lease, why)
        record = attempt_pb2.AttemptRecord(
            job_id=assign.job.job_id,
            fence=assign.fence,
            board_id=assign.board_id,
            attempt=assign.attempt,
            outcome=outcome,
            error_kind=attempt_pb2.ERROR_KIND_AGENT,
            error=why,
            started_unix_s=time.time(),
        )
        self._keep(lease, hold(self._spool, record))
        self._deliver(lease)

    def _cancel(self, cancel: gateway_pb2.CancelAttempt) -> None:
        lease = Lease.from_message(cancel.lease)
        for worker in self._workers.values():
            if worker.lease == lease:
                logger.info("attempt %s is cancelled: %s", lease, cancel.reason)
                worker.stop.stop(StopCause.CANCEL, cancel.reason or "cancelled")
                return
        logger.info("attempt %s is to be cancelled, but does not run here", lease)

    def _forget(self, ack: gateway_pb2.Ack) -> None:
        lease = Lease.from_message(ack.lease)
        spooled = self._spool.forget(lease)
        unspooled = self._unspooled.pop(lease, None) is not None
        if not (spooled or unspooled):
            return
        self._settled.append(lease)
        if ack.disposition == gateway_pb2.Ack.DISPOSITION_STALE:
            logger.warning("the record of attempt %s came too late: the job was given to another", lease)
        if self._spool.exhausted:
            self._spool.replenish()

    # What the agent says.

    def _hello(self) -> gateway_pb2.Hello:
        return gateway_pb2.Hello(
            protocol=PROTOCOL,
            agent_id=self._agent_id,
            instance=self._instance,
            agent_version=farm_agent.__version__,
            boards=[self._describe(board_id) for board_id in self._boards],
            running=[worker.lease.to_message() for worker in self._workers.values()],
            spooled=[lease.to_message() for lease in (*self._spool.leases(), *self._unspooled)],
        )

    def _heartbeat(self) -> gateway_pb2.Heartbeat:
        """What is worked on. A record on its way counts: a slow upload must not cost the lease."""
        running = [worker.lease for worker in self._workers.values()]
        held = (*running, *self._spool.leases(), *self._unspooled)
        return gateway_pb2.Heartbeat(running=[lease.to_message() for lease in held])

    def _describe(self, board_id: str) -> board_pb2.Board:
        board = self._boards[board_id].describe()
        if board_id in self._unfit:
            board.facts.extra["unfit"] = self._unfit[board_id]
        return board

    def _say_phase(self, event: PhaseEntered) -> None:
        message = gateway_pb2.PhaseChanged(lease=event.lease.to_message(), phase=event.phase, note=event.note)
        self._link.say(gateway_pb2.AgentEvent(phase_changed=message))

    def _say_progress(self, event: Progressed) -> None:
        now = time.monotonic()
        if now >= self._progress_at.get(event.lease, 0.0):
            self._progress_at[event.lease] = now + _PROGRESS_EVERY_S
            message = gateway_pb2.Progress(lease=event.lease.to_message(), fraction=event.fraction, note=event.note)
            self._link.say(gateway_pb2.AgentEvent(progress=message))

    def _say_board(self, board_id: str) -> None:
        update = gateway_pb2.BoardUpdate(board=self._describe(board_id))
        self._link.say(gateway_pb2.AgentEvent(board_update=update))

    def _say_draining(self) -> None:
        self._link.say(gateway_pb2.AgentEvent(draining=gateway_pb2.Draining(reason=self._stop_reason)))

    def _deliver(self, lease: Lease) -> None:
        """Send a record, or have its large columns put first. Records keep their order."""
        if not self._link.attached or self._link.connection is None or lease in self._uploading:
            return
        record = self._unspooled.get(lease) or self._spool.read(lease)
        if record is None:
            return
        if self._uploading or columns_to_put(record):
            self._uploading[lease] = record.board_id
            self._uploader.put(self._link.connection, record)
        else:
            self._link.say(gateway_pb2.AgentEvent(record=record))

    def _offer_credits(self) -> None:
        if not self._link.attached or self._told_to_drain or self._stop_reason or self._spool.exhausted:
            return
        taken = {*self._workers, *self._credits, *self._unfit, *self._uploading.values()}
        for board_id in self._boards:
            if board_id not in taken:
                self._credits.add(board_id)
                self._link.say(gateway_pb2.AgentEvent(ready=gateway_pb2.Ready(board_id=board_id)))

    # What becomes of attempts and boards.

    def _finish(self, finished: Finished) -> None:
        del self._workers[finished.board_id]
        self._progress_at.pop(finished.lease, None)
        self._keep(finished.lease, finished.unspooled)
        self._deliver(finished.lease)
        if finished.unrestored:
            logger.error("board %s takes no jobs until its knobs are put back", finished.board_id)
            self._unfit[finished.board_id] = finished.unrestored
            self._repair_at = time.monotonic() + _REPAIR_EVERY_S
            self._say_board(finished.board_id)

    def _keep(self, lease: Lease, unspooled: attempt_pb2.AttemptRecord | None) -> None:
        if unspooled is not None:
            self._unspooled[lease] = unspooled
        if self._spool.exhausted:
            logger.warning("the spool has no room; no jobs are taken until there is some")
            self._repair_at = time.monotonic() + _REPAIR_EVERY_S

    def _repair(self) -> None:
        """Try again what keeps boards from taking jobs."""
        self._repair_at = time.monotonic() + _REPAIR_EVERY_S
        if self._spool.exhausted and self._spool.replenish():
            logger.info("the spool has room again")
        for board_id in list(self._unfit):
            if not self._workshop.journal.retry(self._boards[board_id], board_id):
                logger.info("board %s is itself again", board_id)
                del self._unfit[board_id]
                self._say_board(board_id)

    # The end.

    def _begin_to_stop(self, asked: _StopAsked) -> None:
        now = time.monotonic()
        again = bool(self._stop_reason)
        if not again:
            self._stop_reason = asked.reason
            self._cancel_at = now + self._drain_timeout_s
            self._say_draining()
            logger.info("stopping (%s): no new jobs, %d running", asked.reason, len(self._workers))
        if again or asked.at_once:
            self._cancel_all(asked.reason)

    def _cancel_all(self, reason: str) -> None:
        self._cancel_at = None
        if self._abandon_at is None:
            self._abandon_at = time.monotonic() + _CANCEL_GRACE_S
        for worker in self._workers.values():
            logger.info("attempt %s is stopped: %s", worker.lease, reason)
            worker.stop.stop(StopCause.SHUTDOWN, f"The agent was stopped ({reason}).")

    def _is_over(self) -> bool:
        """Asked to stop, nothing runs, and what can be delivered is."""
        if not self._stop_reason:
            return False
        now = time.monotonic()
        if self._workers:
            if self._abandon_at is None or now < self._abandon_at:
                return False
            logger.error("an attempt does not end; what it left is put back at the next start")
            return True
        if not self._link.attached or not (self._spool.leases() or self._unspooled):
            return True
        if self._leave_at is None:
            self._leave_at = now + _DELIVERY_S
        return now >= self._leave_at


def _never() -> float:
    return time.monotonic() + _IDLE_S
