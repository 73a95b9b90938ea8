"""The host of the core, as the gateway is one: streams to events, commands to writes and messages, one writer.

It keeps the host's three promises (see `farm.scheduling.core`) and dies at any moment: with writes not yet committed,
or committed and not yet answered. A process that was taken for dead may try to write once more with its old epoch.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from farm.errors import StaleEpochError
from farm.model.attempt import AttemptRecord, Lease, Outcome
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState, Provenance
from farm.model.job import Job, JobState
from farm.scheduling import commands as ask
from farm.scheduling import events as told
from farm.scheduling.core import Core
from farm.store.writes import (
    BoardWrite,
    ClaimWrite,
    ExpireWrite,
    FinishWrite,
    HealthWrite,
    SettleWrite,
    Write,
    WriteResult,
)
from tests.simulation.agent import Agent
from tests.simulation.lease_watch import LeaseWatch
from tests.simulation.link import Stream
from tests.simulation.messages import Beat, Hello, Ready, Rebooting, Record
from tests.simulation.model_store import Row
from tests.simulation.world import World

Answer = Callable[[WriteResult], None]


class AnyStore(Protocol):
    """What the harness needs of a store, be it the model or the real one."""

    def close(self) -> None: ...
    def hold(self) -> Any: ...
    def create(self, jobs: Sequence[Job]) -> None: ...
    def load_unfinished(self) -> list[Job]: ...
    def apply(self, epoch: Any, writes: Sequence[Write]) -> list[WriteResult]: ...
    def standing(self) -> dict[str, Row]: ...
    def transitions(self) -> Counter[str]: ...
    def has_settled(self, lease: Lease) -> bool: ...


class Farm:
    """The coordinator's process and its machine, over all its lives."""

    core: Core

    def __init__(self, world: World, store: AnyStore, make_core: Callable[[random.Random], Core]) -> None:
        self.world = world
        self.store = store
        self.drop = self.stall = 0.0
        self.slow_commits = False
        self.die_at_commit = 0.0
        self.up = False
        self.executions: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        """Job writes that the store accepted, seen at the moment it did."""
        self.recorded: dict[str, list[int]] = {}
        """Executions whose passed record the store accepted, in that order, by job."""
        self.quarantined: set[str] = set()
        self._make_core = make_core
        self._life = 0
        self._execution = 0
        self._epoch: Any = None
        self._clock_base = 0.0
        self._sessions: dict[str, Stream] = {}
        self._streams: dict[Stream, str] = {}
        self._arriving: Record | None = None
        self._pending: list[tuple[Write, Answer]] = []
        self._committing = False
        self._cancelled: set[str] = set()
        self._leases = LeaseWatch(world)

    # Its life.

    def start(self) -> None:
        self.up = True
        self._epoch = self.store.hold()
        # Another boot of the machine, another zero: no deadline may outlive a life of the core.
        self._clock_base = self.world.rng.uniform(0.0, 1e6)
        self.core = self._make_core(random.Random(self.world.rng.random()))
        unfinished = self.store.load_unfinished()
        self._leases.restart(Lease(job.job_id, job.fence) for job in unfinished if job.state is JobState.LEASED)
        self.feed(told.RunSubmitted(self.now(), tuple(unfinished)))
        self._tick(self._life)

    def crash(self, down_s: float) -> None:
        if not self.up:
            return
        rng = self.world.rng
        self.world.seen["coordinator killed with writes pending" if self._pending else "coordinator killed"] += 1
        self.up = False
        self._life += 1
        if self._pending and rng.random() < 0.5:
            # Taken for dead, but only frozen: it goes on when another has taken over.
            self.world.after(down_s + 0.5, self._write_as_zombie, self._epoch, [write for write, _ in self._pending])
        self._pending, self._committing, self._cancelled = [], False, set()
        for stream in list(self._streams):
            stream.cut((0.0, 2.0))
        self._sessions, self._streams = {}, {}
        self.world.after(down_s, self.start)

    def _write_as_zombie(self, epoch: Any, writes: list[Write]) -> None:
        try:
            self.store.apply(epoch, writes)
        except StaleEpochError:
            self.world.seen["zombie refused"] += 1

    def now(self) -> float:
        """What the core is told: this machine's monotonic clock."""
        return self._clock_base + self.world.now

    def _tick(self, life: int) -> None:
        if life == self._life:
            self.feed(told.Tick(self.now()))
            self._leases.check_late()
            self.world.after(1.0, self._tick, life)

    # Agents.

    def accept(self, agent: Agent) -> Stream | None:
        if not self.up:
            return None
        stream = Stream(self.world, agent, self, drop=self.drop, stall=self.stall)
        self._streams[stream] = agent.board_id
        return stream

    def begin(self, agent: Agent, assign: ask.SendAssign) -> Record:
        """An agent starts to work: the moment that counts as an execution."""
        self.executions[assign.lease.job_id] += 1
        self._execution += 1
        return Record(assign.lease, agent.board_id, assign.attempt, self._execution, Outcome.PASSED)

    def lose(self, stream: Stream) -> None:
        board_id = self._streams.pop(stream, None)
        if board_id is not None and self._sessions.get(board_id) is stream:
            del self._sessions[board_id]
            self.feed(told.BoardDetached(self.now(), board_id))

    def hear(self, stream: Stream, message: Any) -> None:
        board_id = self._streams.get(stream)
        if board_id is None:
            return
        if isinstance(message, Hello):
            self._sessions[board_id] = stream
            health = BoardHealth.QUARANTINED if board_id in self.quarantined else BoardHealth.UNKNOWN
            board = Board(board_id, "model", board_id, Provenance.SIMULATED)
            enabled = BoardIntent.ENABLED
            self._put(BoardWrite(board, BoardState.IDLE), None, None)
            self._leases.renew((*message.running, *message.spooled), board_id, attached=True)
            self.feed(told.BoardAttached(self.now(), board, health, enabled, message.running, message.spooled))
        elif self._sessions.get(board_id) is not stream:
            return
        elif isinstance(message, Beat):
            self._leases.renew(message.running, board_id)
            self.feed(told.Heartbeat(self.now(), board_id, message.running))
        elif isinstance(message, Ready):
            self.feed(told.BoardReady(self.now(), board_id))
        elif isinstance(message, Rebooting):
            self._leases.reboot(message.lease)
            self.feed(told.RebootAnnounced(self.now(), message.lease, board_id))
        elif isinstance(message, Record):
            self._arriving = message
            self.feed(
                told.RecordArrived(
                    self.now(), message.lease, board_id, message.outcome, message.error_kind, message.error
                )
            )
            self._arriving = None

    # People.

    def cancel(self, job_id: str) -> None:
        if self.up:
            self.world.seen["cancel"] += 1
            self._cancelled.add(job_id)
            self.feed(told.CancelRequested(self.now(), (job_id,), "not wanted any more"))

    def set_intent(self, board_id: str, intent: BoardIntent) -> None:
        if self.up:
            self.feed(told.IntentChanged(self.now(), board_id, intent))

    # The core.

    def feed(self, event: told.Event) -> None:
        for command in self.core.handle(event):
            self.carry_out(command)

    def carry_out(self, command: ask.Command) -> None:
        if isinstance(command, ask.Claim):
            if command.lease.job_id in self._cancelled:
                self.world.violate(f"{command.lease} was claimed after its cancel")
            self._put(ClaimWrite(command.lease, command.board_id, command.attempt), self._claimed, command)
        elif isinstance(command, ask.Settle):
            self._leases.end(command.lease)
            self._settle(command)
        elif isinstance(command, ask.Expire):
            if isinstance(command.cause, told.Tick):
                self._leases.check_early(command.lease)
            self._leases.end(command.lease)
            self._put(ExpireWrite(command.lease, command.board_id, command.disposition), None, command)
        elif isinstance(command, ask.FinishQueued):
            self._put(FinishWrite(command.job_id, command.finish), None, command)
        elif isinstance(command, ask.SetHealth):
            self._put(HealthWrite(command.board_id, command.health, command.evidence), self._judged, command)
        else:
            if isinstance(command, ask.Ack):
                self._check_ack(command)
            elif isinstance(command, ask.SendAssign):
                self._check_assign(command)
                self._leases.begin(command.lease, command.board_id)
            stream = self._sessions.get(command.board_id)
            if stream is not None:
                stream.send("agent", command)

    def _settle(self, command: ask.Settle) -> None:
        arriving = self._arriving
        assert arriving is not None
        assert arriving.lease == command.lease
        record = AttemptRecord(
            arriving.lease,
            arriving.board_id,
            arriving.attempt,
            arriving.outcome,
            arriving.error_kind,
            arriving.error,
            log_tail=str(arriving.execution),
        )
        self._put(SettleWrite(record, command.disposition), self._settled, command)

    def _claimed(self, command: Any, result: WriteResult) -> None:
        self.feed(told.ClaimCommitted(self.now(), command.lease, result is WriteResult.ACCEPTED))

    def _settled(self, command: Any, result: WriteResult) -> None:
        accepted, duplicate = result is WriteResult.ACCEPTED, result is WriteResult.DUPLICATE
        self.world.seen[f"settled: {result.value}"] += 1
        self.feed(told.SettleCommitted(self.now(), command.lease, accepted, duplicate))

    def _judged(self, command: Any, result: WriteResult) -> None:
        if command.health is BoardHealth.QUARANTINED:
            self.world.seen["quarantine"] += 1
            self.quarantined.add(command.board_id)
        else:
            self.quarantined.discard(command.board_id)

    def _check_ack(self, ack: ask.Ack) -> None:
        """I3: what is acked is durable, or will never be wanted."""
        if ack.recorded or ack.duplicate:
            if not self.store.has_settled(ack.lease):
                self.world.violate(f"{ack.lease} was acked and is not in the store")
        else:
            row = self.store.standing()[ack.lease.job_id]
            if row.state is JobState.LEASED and (row.fence, row.board_id) == (ack.lease.fence, ack.board_id):
                self.world.violate(f"{ack.lease} was thrown away while it was the newest lease")

    def _check_assign(self, assign: ask.SendAssign) -> None:
        """Nothing is said to a board that the database does not know."""
        row = self.store.standing()[assign.lease.job_id]
        if row.state is not JobState.LEASED or (row.fence, row.board_id) != (assign.lease.fence, assign.board_id):
            self.world.violate(f"{assign.lease} was assigned and is not in the store")

    # Its one writer.

    def _put(self, write: Write, answer: Callable[[Any, WriteResult], None] | None, command: Any) -> None:
        self._pending.append((write, lambda result: None if answer is None else answer(command, result)))
        if not self._committing:
            self._committing = True
            self.world.after(self._commit_takes_s(), self._commit, self._life)

    def _commit_takes_s(self) -> float:
        rng = self.world.rng
        if self.slow_commits and rng.random() < 0.01:
            self.world.seen["slow commit"] += 1
            return rng.uniform(1.0, 20.0)
        return rng.uniform(0.002, 0.01)

    def _commit(self, life: int) -> None:
        if life != self._life:
            return
        if self.world.rng.random() < self.die_at_commit:
            self.crash(self.world.rng.uniform(0.5, 20.0))
            return
        batch, self._pending = self._pending, []
        writes = [write for write, _ in batch]
        results = self.store.apply(self._epoch, writes)
        for write, result in zip(writes, results):
            if result is WriteResult.ACCEPTED:
                self._note(write)
        if self.world.rng.random() < self.die_at_commit:
            self.world.seen["coordinator killed between commit and answer"] += 1
            self.crash(self.world.rng.uniform(0.5, 20.0))
            return
        self.world.after(self.world.rng.uniform(0.001, 0.01), self._answer, life, batch, results)

    def _answer(self, life: int, batch: list[tuple[Write, Answer]], results: list[WriteResult]) -> None:
        if life != self._life:
            return
        self._committing = False
        for (_, answer), result in zip(batch, results):
            answer(result)
        if self._pending and not self._committing:
            self._committing = True
            self.world.after(self._commit_takes_s(), self._commit, life)

    def _note(self, write: Write) -> None:
        if isinstance(write, (ClaimWrite, ExpireWrite)):
            self.accepted[write.lease.job_id] += 1
        elif isinstance(write, FinishWrite):
            self.accepted[write.job_id] += 1
        elif isinstance(write, SettleWrite):
            job_id = write.record.lease.job_id
            self.accepted[job_id] += 1
            if write.record.outcome is Outcome.PASSED:
                self.recorded.setdefault(job_id, []).append(int(write.record.log_tail))
