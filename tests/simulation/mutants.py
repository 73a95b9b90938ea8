"""Farms with one promise broken each. A harness that lets one of them pass proves nothing.

Every mutant counts in `world.mutant_at_work` how often it did other than the original would have done: one that is
not wired in catches nothing either.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farm.errors import StaleEpochError
from farm.model.attempt import Lease, Outcome
from farm.model.job import JobState
from farm.scheduling import commands as ask
from farm.scheduling.core import Core
from farm.scheduling.events import CancelRequested, Event, RecordArrived, SettleCommitted, Tick
from farm.scheduling.slots import JobSlot, Stage
from farm.store.writes import SettleWrite, Write, WriteResult
from tests.simulation.farm import Farm
from tests.simulation.model_store import ModelStore, Row
from tests.simulation.world import World


class _StoreInWorld(ModelStore):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world


class StoreWithoutFence(_StoreInWorld):
    """A record is taken for any leased job, whatever lease it was made under."""

    def holds(self, row: Row, lease: Lease, board_id: str) -> bool:
        leased = row.state is JobState.LEASED
        self.world.mutant_at_work += leased and not super().holds(row, lease, board_id)
        return leased


class StoreThatIsNotIdempotent(_StoreInWorld):
    """A record under the newest fence is taken as often as it comes."""

    def _apply(self, write: Write) -> WriteResult:
        if isinstance(write, SettleWrite):
            row = self.rows[write.record.lease.job_id]
            if row.fence == write.record.lease.fence and row.state is JobState.FINISHED:
                self.world.mutant_at_work += 1
                if write.record.outcome is Outcome.PASSED:
                    row.results.append((row.fence, int(write.record.log_tail)))
                return WriteResult.ACCEPTED
        return super()._apply(write)


class StoreWithoutEpoch(_StoreInWorld):
    """Whoever writes is believed to be the newest coordinator."""

    def apply(self, epoch: int, writes: Any) -> list[WriteResult]:
        try:
            return super().apply(epoch, writes)
        except StaleEpochError:
            self.world.mutant_at_work += 1
            return super().apply(self.epoch, writes)


class _CoreInWorld(Core):
    def __init__(self, world: World, rng: random.Random) -> None:
        super().__init__(rng=rng)
        self.world = world


class CoreWithoutFence(_CoreInWorld):
    """Any record of a job that is held counts as that of its holder."""

    def _holder(self, lease: Lease, board_id: str) -> JobSlot | None:
        slot = self._floor.held.get(lease.job_id)
        held = slot is not None and slot.stage is not Stage.CLAIMING
        self.world.mutant_at_work += held and super()._holder(lease, board_id) is None
        return slot if held else None


class CoreWithoutReaper(_CoreInWorld):
    """Leases never run out."""

    def _tick(self, event: Tick, out: list[ask.Command]) -> None:
        self.world.mutant_at_work += any(
            slot.stage is Stage.LEASED and slot.deadline <= event.now for slot in self._floor.held.values()
        )


class CoreThatAcksBeforeItIsDurable(_CoreInWorld):
    """The ack goes out with the settlement, not after it."""

    def handle(self, event: Event) -> list[ask.Command]:
        out = super().handle(event)
        if isinstance(event, SettleCommitted):
            return [command for command in out if not isinstance(command, ask.Ack)]
        if isinstance(event, RecordArrived):
            self.world.mutant_at_work += 1
            out.append(ask.Ack(event, event.board_id, event.lease, recorded=True))
        return out


class CoreThatAssignsBeforeItIsDurable(_CoreInWorld):
    """The board is told with the claim, not after it."""

    def handle(self, event: Event) -> list[ask.Command]:
        out: list[ask.Command] = [
            command for command in super().handle(event) if not isinstance(command, ask.SendAssign)
        ]
        for claim in [command for command in out if isinstance(command, ask.Claim)]:
            self.world.mutant_at_work += 1
            out.append(ask.SendAssign(event, claim.board_id, claim.lease, claim.attempt))
        return out


class CoreThatForgetsCancels(_CoreInWorld):
    """A cancel reaches the board, but a job that comes back from it is queued as if nothing had been said."""

    def _cancel_requested(self, event: CancelRequested, out: list[ask.Command]) -> None:
        super()._cancel_requested(event, out)
        for job_id in event.job_ids:
            slot = self._floor.jobs.get(job_id)
            if slot is not None:
                self.world.mutant_at_work += 1
                slot.cancel_reason = None


class FarmByWallClock(Farm):
    """Leases are judged by the time of day."""

    def now(self) -> float:
        self.world.mutant_at_work += self.world.wall_offset_s != 0.0
        return super().now() + self.world.wall_offset_s


@dataclass(frozen=True)
class Mutant:
    """`change` is what `storm.play` is told to use instead; `kills` is the least share of seeds that must notice."""

    name: str
    change: dict[str, Callable[..., Any]]
    kills: float


MUTANTS = (
    Mutant("a store without fence", {"make_store": StoreWithoutFence}, 0.2),
    Mutant("a store that is not idempotent", {"make_store": StoreThatIsNotIdempotent}, 0.5),
    Mutant("a store without epoch", {"make_store": StoreWithoutEpoch}, 0.05),
    Mutant("a core without fence", {"make_core": CoreWithoutFence}, 0.03),
    Mutant("a core without reaper", {"make_core": CoreWithoutReaper}, 0.6),
    Mutant("acks before it is durable", {"make_core": CoreThatAcksBeforeItIsDurable}, 0.9),
    Mutant("assignments before they are durable", {"make_core": CoreThatAssignsBeforeItIsDurable}, 0.9),
    Mutant("forgotten cancels", {"make_core": CoreThatForgetsCancels}, 0.03),
    Mutant("leases by the wall clock", {"make_farm": FarmByWallClock}, 0.4),
)
