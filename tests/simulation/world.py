"""Virtual time: what happens next is the earliest thing that was planned. Nothing waits, and a seed replays a run.

The monotonic clock of this world is `now`; its wall clock jumps when somebody makes it jump.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any


class World:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.wall_offset_s = 0.0
        self.violations: list[str] = []
        self.seen: Counter[str] = Counter()
        """What took place, so that a harness that has gone blind is noticed."""
        self.mutant_at_work = 0
        """How often a mutant did other than the original would have done."""
        self._planned: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0

    def after(self, delay_s: float, act: Callable[..., None], *arguments: Any) -> None:
        self._sequence += 1
        heapq.heappush(self._planned, (self.now + delay_s, self._sequence, act, arguments))

    def violate(self, what: str) -> None:
        self.violations.append(f"at {self.now:.2f} s: {what}")

    def run(self, until_s: float, over: Callable[[], bool]) -> None:
        """Until the time has come, or it is over (asked about once a second)."""
        asked_at = self.now
        while self._planned and self._planned[0][0] <= until_s:
            self.now, _, act, arguments = heapq.heappop(self._planned)
            act(*arguments)
            if self.now - asked_at >= 1.0:
                asked_at = self.now
                if over():
                    return
        self.now = max(self.now, until_s)
