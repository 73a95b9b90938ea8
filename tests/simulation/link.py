"""One stream between an agent and its coordinator, as gRPC gives it: in order, without gaps, until it breaks.

A broken stream swallows what is on its way, in both directions, and each end hears of it seconds later, as keepalive
would tell it. Delays hold up everything behind them.
"""

from __future__ import annotations

from typing import Any, Protocol

from tests.simulation.world import World


class End(Protocol):
    """What hears messages, and at last that no more will come."""

    def hear(self, stream: Stream, message: Any) -> None: ...

    def lose(self, stream: Stream) -> None: ...


class Stream:
    def __init__(self, world: World, agent: End, host: End, *, drop: float, stall: float) -> None:
        self._world = world
        self._ends = {"agent": agent, "host": host}
        self._free_at = {"agent": 0.0, "host": 0.0}
        self._drop = drop
        self._stall = stall
        self.broken = False

    def send(self, to: str, message: Any) -> None:
        """Towards the `agent` or the `host`."""
        if self.broken:
            return
        rng = self._world.rng
        if rng.random() < self._drop:
            self._world.seen["dropped message"] += 1
            self.cut()
            return
        delay_s = rng.uniform(0.001, 0.02)
        if rng.random() < self._stall:
            self._world.seen["delay"] += 1
            delay_s = rng.uniform(1.0, 25.0)
        arrives = max(self._free_at[to], self._world.now + delay_s)
        self._free_at[to] = arrives
        self._world.after(arrives - self._world.now, self._arrive, to, message)

    def cut(self, notice_s: tuple[float, float] = (6.0, 16.0)) -> None:
        if self.broken:
            return
        self.broken = True
        for end in self._ends.values():
            self._world.after(self._world.rng.uniform(*notice_s), end.lose, self)

    def _arrive(self, to: str, message: Any) -> None:
        if not self.broken:
            self._ends[to].hear(self, message)
