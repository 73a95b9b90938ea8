"""An agent and its board, as the coordinator could meet them: diligent, slow, wedged, frozen, killed, gone.

What survives a kill is the spool, and, over a reboot that was announced, the lease it was for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from farm.model.attempt import ErrorKind, Lease, Outcome
from farm.scheduling.commands import Ack, SendAssign, SendCancel
from tests.simulation.link import Stream
from tests.simulation.messages import Beat, Hello, Ready, Rebooting, Record
from tests.simulation.world import World


@dataclass(frozen=True)
class Temper:
    """What a board is like while the faults last; the rates are per job."""

    slowness: float = 1.0
    board_faults: float = 0.0
    job_faults: float = 0.03
    agent_faults: float = 0.03
    reboots: float = 0.04
    wedges: float = 0.02
    duplicates: float = 0.08


CALM = Temper(job_faults=0.0, agent_faults=0.0, reboots=0.0, wedges=0.0, duplicates=0.0)


class Agent:
    def __init__(self, world: World, farm: Any, board_id: str, temper: Temper) -> None:
        self._world = world
        self._farm = farm
        self.board_id = board_id
        self.temper = temper
        self.alive = True
        self.dead = False
        self.reachable_at = 0.0
        self.spool: dict[Lease, Record] = {}
        self._life = 0
        self._frozen_until = 0.0
        self._stream: Stream | None = None
        self._credit = False
        self._running: Record | None = None
        self._ends_at = 0.0
        self._wedged = False
        world.after(world.rng.uniform(0.0, 3.0), self._connect, self._life)

    # What is done to it.

    def kill(self, *, wipe: bool, down_s: float) -> None:
        """SIGKILL; `wipe` takes the spool too, as a lost disk would."""
        if not self.alive:
            return
        self._world.seen["agent killed while busy" if self._running else "agent killed"] += 1
        self.alive = False
        self._life += 1
        self._running, self._credit, self._wedged = None, False, False
        if wipe:
            self.spool.clear()
        self._drop_stream()
        if not self.dead:
            self._world.after(down_s, self._boot)

    def stop(self, down_s: float) -> None:
        """SIGTERM: what runs is given back in an orderly way, then the process ends."""
        if not self.alive or self._frozen_until > self._world.now:
            return
        if self._running is not None:
            self._world.seen["attempt given back"] += 1
            record = _with(self._running, Outcome.CANCELLED, ErrorKind.AGENT, "the agent was stopped")
            self._running, self._wedged = None, False
            self.spool[record.lease] = record
            self._say(record)
        self._world.after(0.5, self._end, self._life, down_s)

    def _end(self, life: int, down_s: float) -> None:
        if life == self._life:
            self.kill(wipe=False, down_s=down_s)

    def die(self) -> None:
        """It never comes back."""
        self.dead = True
        self.kill(wipe=False, down_s=0.0)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP: nothing is heard, said or finished until it goes on."""
        self._world.seen["agent frozen"] += 1
        self._frozen_until = max(self._frozen_until, self._world.now + seconds)
        if self._stream is not None and seconds > 14.0:
            # It does not answer the keepalive.
            self._world.after(14.0, self._stream.cut)

    def cut_off(self, seconds: float) -> None:
        """A partition: the stream breaks, and no new one is made for a while."""
        self._world.seen["partition"] += 1
        self.reachable_at = max(self.reachable_at, self._world.now + seconds)
        if self._stream is not None:
            self._stream.cut()

    @property
    def busy(self) -> bool:
        return self._running is not None

    # Its link.

    def _boot(self) -> None:
        self.alive = True
        self._connect(self._life)

    def _connect(self, life: int) -> None:
        if life != self._life or not self.alive or self._stream is not None:
            return
        if self._asleep(self._connect, life):
            return
        stream = self._farm.accept(self) if self._world.now >= self.reachable_at else None
        if stream is None:
            self._world.after(self._world.rng.uniform(0.5, 5.0), self._connect, life)
            return
        self._stream = stream
        self._credit = False
        running = () if self._running is None else (self._running.lease,)
        self._say(Hello(running, tuple(self.spool)))
        for record in list(self.spool.values()):
            self._say(record)
        self._ask()
        self._world.after(5.0, self._beat, life, stream)

    def lose(self, stream: Stream) -> None:
        if stream is self._stream:
            self._stream = None
            self._world.after(self._world.rng.uniform(0.5, 5.0), self._connect, self._life)

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cut((0.0, 2.0))

    def _say(self, message: Any) -> None:
        if self._stream is not None:
            self._stream.send("host", message)

    def _beat(self, life: int, stream: Stream) -> None:
        if life != self._life or stream is not self._stream or self._asleep(self._beat, life, stream):
            return
        self._say(Beat(() if self._running is None else (self._running.lease,)))
        self._world.after(5.0, self._beat, life, stream)

    def _ask(self) -> None:
        if self._running is None and self._stream is not None and not self._credit:
            self._credit = True
            self._say(Ready())

    def _asleep(self, act: Any, *arguments: Any) -> bool:
        """While it is frozen, what was to be done is done when it goes on."""
        wait_s = self._frozen_until - self._world.now
        if wait_s > 0:
            self._world.after(wait_s, act, *arguments)
        return wait_s > 0

    def hear(self, stream: Stream, message: Any) -> None:
        if stream is not self._stream or self._asleep(self.hear, stream, message):
            return
        if isinstance(message, SendAssign):
            self._start(message)
        elif isinstance(message, SendCancel):
            self._cancel(message.lease)
        elif isinstance(message, Ack):
            self.spool.pop(message.lease, None)

    # Its work.

    def _start(self, assign: SendAssign) -> None:
        if self._running is not None or not self._credit:
            self._world.violate(f"{self.board_id} was given {assign.lease} without having asked for a job")
            return
        self._credit = False
        self._running = self._farm.begin(self, assign)
        rng, temper = self._world.rng, self.temper
        takes_s = rng.uniform(1.0, 20.0) * temper.slowness
        self._ends_at = self._world.now + takes_s
        self._wedged = rng.random() < temper.wedges
        if self._wedged:
            self._world.seen["wedged attempt"] += 1
        elif rng.random() < temper.reboots:
            self._world.after(takes_s / 2, self._reboot, self._life, self._running)
        self._world.after(takes_s, self._finish, self._life, self._running)

    def _finish(self, life: int, record: Record) -> None:
        if life != self._life or self._running is not record or self._wedged:
            return
        if self._asleep(self._finish, life, record):
            return
        if not self.alive or self._world.now < self._ends_at:
            self._world.after(max(self._ends_at - self._world.now, 1.0), self._finish, life, record)
            return
        self._spool_and_send(self._judge(record))

    def _judge(self, record: Record) -> Record:
        rng, temper = self._world.rng, self.temper
        for rate, kind in (
            (temper.board_faults, ErrorKind.BOARD),
            (temper.agent_faults, ErrorKind.AGENT),
            (temper.job_faults, ErrorKind.JOB),
        ):
            if rng.random() < rate:
                self._world.seen[f"{kind.value} fault"] += 1
                return _with(record, Outcome.ERROR, kind, f"a simulated fault of the {kind.value}")
        return _with(record, Outcome.PASSED)

    def _spool_and_send(self, record: Record) -> None:
        self._running = None
        self.spool[record.lease] = record
        self._say(record)
        self._ask()
        if self._world.rng.random() < self.temper.duplicates:
            self._world.seen["duplicate record"] += 1
            self._world.after(self._world.rng.uniform(0.0, 3.0), self._say_again, self._life, record)

    def _say_again(self, life: int, record: Record) -> None:
        if life == self._life:
            self._say(record)

    def _cancel(self, lease: Lease) -> None:
        if self._running is not None and self._running.lease == lease:
            self._world.seen["attempt cancelled"] += 1
            record, self._wedged = self._running, False
            self._spool_and_send(_with(record, Outcome.CANCELLED, None, "asked to stop"))

    def _reboot(self, life: int, record: Record) -> None:
        if life != self._life or self._running is not record or self._asleep(self._reboot, life, record):
            return
        self._world.seen["reboot"] += 1
        self._say(Rebooting(record.lease))
        down_s = self._world.rng.uniform(40.0, 90.0)
        self._ends_at += down_s
        self.alive = False
        # The announcement is on its way; the stream ends behind it.
        self._world.after(0.5, self._go_down, life)
        self._world.after(down_s, self._come_up, life)

    def _go_down(self, life: int) -> None:
        if life == self._life:
            self._drop_stream()

    def _come_up(self, life: int) -> None:
        if life == self._life and not self.dead:
            self._boot()


def _with(record: Record, outcome: Outcome, kind: ErrorKind | None = None, error: str = "") -> Record:
    return Record(record.lease, record.board_id, record.attempt, record.execution, outcome, kind, error)
