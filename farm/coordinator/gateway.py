"""The gateway: translates what agents say into the core's events, and has carried out what the core asks for.

    read ─> from_event ─> core.handle ─> carrier ──┬─ to an agent: gathered in its session, sent at the next wake-up
                              ^                    └─ to the store: put into the committer's next transaction
                              └── ClaimCommitted, SettleCommitted ── answered when that is committed

One asyncio class without gRPC in it; `GatewayService` in `agent_service` is the adaptor. It holds hundreds of boards,
and all it holds is a cache: kill it, start another on the same database, and the agents go on where they were.

While the database takes no writes, time stands still for leases: no record can be acked then, so no board is late.
It starts again two heartbeats after the database is back, or after this process itself was frozen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from devicefarm.v1 import gateway_pb2
from farm.coordinator.artifact_files import ArtifactFiles
from farm.coordinator.carrier import Carrier
from farm.coordinator.committer import Committer
from farm.coordinator.live import LiveFarm
from farm.coordinator.records import take_record
from farm.coordinator.session import Session
from farm.errors import CoordinatorError, UnknownRunError, WireError
from farm.model.attempt import Lease
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.model.job import Job, JobState
from farm.scheduling import commands as ask
from farm.scheduling import events as hear
from farm.store.writes import BoardStateWrite, BoardWrite, IntentWrite, WriteResult
from farm.wire import gateway as wire

__all__ = ["Gateway", "GatewayIdentity"]

logger = logging.getLogger(__name__)

_TICK_S = 0.5
_FROZEN_S = 2.0
"""A tick that comes this much late says that the whole process stood still."""


class Brain(Protocol):
    """What the gateway needs of `farm.scheduling.core.Core`."""

    def handle(self, event: hear.Event) -> Sequence[ask.Command]: ...


@dataclass(frozen=True)
class GatewayIdentity:
    """What the gateway says of itself to agents."""

    coordinator_id: str
    epoch: int
    heartbeat_s: float = 5.0
    lease_s: float = 30.0


class Gateway:
    """Create it on a running loop, with a committer whose `after_batch` may stay unset."""

    def __init__(
        self,
        identity: GatewayIdentity,
        core: Brain,
        committer: Committer,
        files: ArtifactFiles,
        *,
        standing: Mapping[str, tuple[BoardHealth, BoardIntent]],
        jobs: Sequence[Job] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identity = identity
        self.live = LiveFarm(standing)
        self.committer = committer
        self._core = core
        self._files = files
        self._clock = clock
        self._agents: dict[str, Session] = {}
        self._boards: dict[str, Session] = {}
        self._carrier = Carrier(self.live, committer, self._boards, self.feed, clock)
        self.draining = asyncio.Event()
        """Set once no more jobs are given out and no more runs taken."""
        self._closed = False
        self.live.add(jobs, whole=False)
        self.feed(hear.RunSubmitted(self._clock(), tuple(jobs)))
        self._ticker = asyncio.create_task(self._tick(), name="gateway-tick")

    def now(self) -> float:
        """Seconds on the monotonic clock that leases are judged by."""
        return self._clock()

    def feed(self, event: hear.Event) -> None:
        """Tell the core, and do what it asks for."""
        if self._closed:
            return
        for command in self._core.handle(event):
            self._carrier.carry_out(command)

    # agents

    def admit(self, hello: wire.AgentHello, session: Session) -> tuple[gateway_pb2.Refused.Reason, str] | None:
        """Let an agent in, or say (reason, message) why not. The same instance takes its older stream's place."""
        if hello.protocol != wire.PROTOCOL:
            return wire.REFUSED_PROTOCOL, (
                f"The agent {hello.agent_id} (version {hello.agent_version}) speaks protocol {hello.protocol}, this "
                f"coordinator {wire.PROTOCOL}. Install matching versions on both ends."
            )
        before = self._agents.get(hello.agent_id)
        if before is not None and not self._gives_way(before, session):
            return wire.REFUSED_IDENTITY_IN_USE, (
                f"Another agent with the identity {hello.agent_id} is attached and alive. Two agents must not share "
                "one state folder or a copy of it; stop one of them, or remove the copied identity."
            )
        for board in hello.boards:
            holder = self._boards.get(board.board_id)
            if holder is not None and holder.agent_id != hello.agent_id:
                return wire.REFUSED_IDENTITY_IN_USE, (
                    f"The board {board.board_id} ({board.name}) is attached already, by the agent {holder.agent_id}. "
                    "One board is served by one agent; stop the other one."
                )
        if before is not None:
            before.close("replaced by a newer stream of the same agent")
            for board_id in set(before.boards) - set(session.boards):
                self._detach(board_id)
        self._agents[hello.agent_id] = session
        session.send(
            wire.to_welcome(
                self.identity.coordinator_id, self.identity.epoch, self.identity.heartbeat_s, self.identity.lease_s
            )
        )
        running = self._by_board(session, hello.running)
        spooled = self._by_board(session, hello.spooled)
        for board in hello.boards:
            self._attach(session, board, running.get(board.board_id, ()), spooled.get(board.board_id, ()))
        logger.info("agent %s attached with %d boards", hello.agent_id, len(hello.boards))
        return None

    def hear(self, session: Session, event: wire.AgentEvent) -> None:
        """One event of an attached agent, other than a record; raises `WireError` for one that makes no sense."""
        if session.close_reason:
            return
        now = session.heard_at = self._clock()
        if isinstance(event, wire.AgentReady):
            self._own(session, event.board_id, "ready.board_id")
            self.feed(hear.BoardReady(now, event.board_id))
        elif isinstance(event, wire.AgentHeartbeat):
            running = self._by_board(session, event.running)
            for board_id in session.boards:
                self.feed(hear.Heartbeat(now, board_id, running.get(board_id, ())))
        elif isinstance(event, wire.AgentProgress):
            self.live.progress(event.lease, fraction=event.fraction, note=event.note)
        elif isinstance(event, wire.AgentPhase):
            self.live.progress(event.lease, phase=event.phase, note=event.note)
        elif isinstance(event, wire.AgentDraining):
            logger.info("agent %s drains: %s", session.agent_id, event.reason)
            for board_id in session.boards:
                self.feed(hear.IntentChanged(now, board_id, BoardIntent.DRAINING))
        elif isinstance(event, wire.AgentBoardUpdate):
            self._update_board(session, event)
        else:
            raise WireError("hello came twice on one stream.")

    async def take_record(self, session: Session, event: wire.AgentRecord) -> None:
        """A record of an attached agent; waits while too much of that agent is not committed yet."""
        session.heard_at = self._clock()
        job = self.live.job(event.message.job_id)
        taken = await take_record(event.message, None if job is None else job.spec, self._files)
        self._carrier.hand_over(taken, session, event.message.ByteSize())
        await session.room()

    def session_of(self, agent_id: str) -> Session | None:
        """The stream of an attached agent."""
        return self._agents.get(agent_id)

    def leave(self, session: Session) -> None:
        """The stream ended. Leases stay until they run out: the boards may be working on without a link."""
        if self._agents.get(session.agent_id) is session:
            del self._agents[session.agent_id]
            logger.info(
                "agent %s detached%s", session.agent_id, f": {session.close_reason}" if session.close_reason else ""
            )
        for board_id in session.boards:
            if self._boards.get(board_id) is session:
                self._detach(board_id)

    def forget(self, session: Session) -> None:
        """Acks have nowhere to go any more; the records will be sent again and answered as duplicates."""
        self._carrier.forget(session)

    # people

    async def submit(self, create: Callable[[], bool], jobs: Sequence[Job]) -> bool:
        """Store a run and queue it; False when it was there already. Once begun it is not left half done."""
        if self.draining.is_set():
            raise CoordinatorError(
                "The coordinator is stopping and takes no new runs.", hint="Start it again (`farm up`), then submit."
            )
        return await asyncio.shield(asyncio.ensure_future(self._submit(create, jobs)))

    def cancel(self, run_id: str, job_ids: Sequence[str], reason: str) -> int:
        """Ask for the end of jobs (all of the run if none is named); returns how many had not ended."""
        known = self.live.run_jobs(run_id)
        if unknown := [job_id for job_id in job_ids if job_id not in known]:
            raise UnknownRunError(f"The run {run_id} has no job {unknown[0]!r}.", hint="`farm jobs` lists them.")
        targets = tuple(job_id for job_id in job_ids or known if known[job_id].state is not JobState.FINISHED)
        self.feed(hear.CancelRequested(self._clock(), targets, reason))
        return len(targets)

    async def set_intent(self, board_id: str, intent: BoardIntent, reason: str) -> None:
        """What the operator wants of a board; remembered across restarts."""
        if not self.live.has_seen(board_id):
            raise UnknownRunError(f"No board {board_id!r} has ever attached.", hint="`farm boards` lists them.")
        written: asyncio.Future[WriteResult] = asyncio.get_running_loop().create_future()
        self.committer.put(
            IntentWrite(board_id, intent, reason),
            lambda result: None if written.done() else written.set_result(result),
        )
        await written
        self.live.judged(board_id, intent=intent)
        self.feed(hear.IntentChanged(self._clock(), board_id, intent))

    async def drain(self, grace_s: float) -> None:
        """Give out no more jobs, and wait for those that run, at most `grace_s`."""
        self.draining.set()
        for board_id in self._boards:
            self.feed(hear.IntentChanged(self._clock(), board_id, BoardIntent.DRAINING))
        deadline = self._clock() + grace_s
        while self.live.leased and (left_s := deadline - self._clock()) > 0:
            self._carrier.lease_ended.clear()
            try:
                await asyncio.wait_for(self._carrier.lease_ended.wait(), left_s)
            except asyncio.TimeoutError:
                return

    async def close(self) -> None:
        """End every stream. What was put into the committer is the owner's to drain."""
        self._ticker.cancel()
        await asyncio.gather(self._ticker, return_exceptions=True)
        for session in list(self._agents.values()):
            session.close("the coordinator is stopping")
        for board_id in list(self._boards):
            self._detach(board_id)
        self._agents.clear()
        self._closed = True

    # inside

    async def _submit(self, create: Callable[[], bool], jobs: Sequence[Job]) -> bool:
        created = await self.committer.call(create)
        if created:
            self.live.add(jobs, whole=True)
            waiting = tuple(job for job in jobs if job.state is not JobState.FINISHED)
            self.feed(hear.RunSubmitted(self._clock(), waiting))
        return created

    def _gives_way(self, before: Session, after: Session) -> bool:
        """Whether the older stream of an identity can only be a dead one."""
        if before.instance == after.instance:
            return True
        if after.heard_at - before.heard_at > 2.5 * self.identity.heartbeat_s:
            return True
        return any(
            board.facts.boot_id != before.boards[board.board_id].facts.boot_id
            for board in after.boards.values()
            if board.board_id in before.boards
        )

    def _by_board(self, session: Session, leases: Sequence[Lease]) -> dict[str, tuple[Lease, ...]]:
        """Which board of the agent each lease is on; one that nobody knows is put down to the first."""
        if not leases or not session.boards:
            return {}
        first = next(iter(session.boards))
        if len(session.boards) == 1:
            return {first: tuple(leases)}
        split: dict[str, tuple[Lease, ...]] = {}
        for lease in leases:
            job = self.live.job(lease.job_id)
            board_id = job.board_id if job is not None and job.board_id in session.boards else first
            split[board_id] = (*split.get(board_id, ()), lease)
        return split

    @staticmethod
    def _own(session: Session, board_id: str, field: str) -> None:
        if board_id not in session.boards:
            raise WireError(f"{field} is {board_id!r}, which is no board of the agent {session.agent_id}.")

    def _attach(self, session: Session, board: Board, running: tuple[Lease, ...], spooled: tuple[Lease, ...]) -> None:
        self._boards[board.board_id] = session
        lease = next((lease for lease in running if self.live.holds(board.board_id, lease)), None)
        health, intent = self.live.attached(board, lease)
        # Before anything else that the core may write about this board.
        self.committer.put(BoardWrite(board, BoardState.IDLE if lease is None else BoardState.BUSY))
        if self.draining.is_set():
            intent = BoardIntent.DRAINING
        self.feed(hear.BoardAttached(self._clock(), board, health, intent, running, spooled))

    def _detach(self, board_id: str) -> None:
        self._boards.pop(board_id, None)
        self.live.detached(board_id)
        self.committer.put(BoardStateWrite(board_id, BoardState.OFFLINE))
        self.feed(hear.BoardDetached(self._clock(), board_id))

    def _update_board(self, session: Session, event: wire.AgentBoardUpdate) -> None:
        board_id = event.board.board_id
        holder = self._boards.get(board_id)
        if holder is not None and holder is not session:
            raise WireError(f"board_update.board {board_id!r} is attached by another agent, {holder.agent_id}.")
        if event.gone:
            self._own(session, board_id, "board_update.board")
            del session.boards[board_id]
            self._detach(board_id)
            return
        session.boards[board_id] = event.board
        if holder is None:
            self._attach(session, event.board, (), ())
            return
        self.committer.put(BoardWrite(event.board, self.live.changed(event.board).state))
        self.feed(hear.BoardChanged(self._clock(), event.board))

    async def _tick(self) -> None:
        held_until = 0.0
        while True:
            before = self._clock()
            await asyncio.sleep(_TICK_S)
            now = self._clock()
            if self.committer.trouble or now - before > _TICK_S + _FROZEN_S:
                held_until = now + 2 * self.identity.heartbeat_s
            if now >= held_until:
                self.feed(hear.Tick(now))
