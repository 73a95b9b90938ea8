"""When a lease may run out, judged beside the core and by this world's own clock: never early, never missed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from farm.model.attempt import Lease
from farm.scheduling.policy import DEFAULT_POLICY
from tests.simulation.world import World

ATTEMPT_LIMIT_S = 60.0
"""Of every job in this simulation."""

_ONE_TICK_S = 1.5
_ROUNDING_S = 0.001


@dataclass
class _Term:
    board_id: str
    """Empty where only the store knows."""
    until: float
    hard_stop: float


class LeaseWatch:
    def __init__(self, world: World) -> None:
        self._world = world
        self._terms: dict[Lease, _Term] = {}

    def restart(self, leases: Iterable[Lease]) -> None:
        """A new core: every lease is armed in full."""
        self._terms.clear()
        for lease in leases:
            self.begin(lease, "")

    def begin(self, lease: Lease, board_id: str) -> None:
        now = self._world.now
        hard_stop = now + ATTEMPT_LIMIT_S + DEFAULT_POLICY.reboot_deadline_s
        self._terms[lease] = _Term(board_id, now + DEFAULT_POLICY.lease_s, hard_stop)

    def renew(self, leases: Iterable[Lease], board_id: str, *, attached: bool = False) -> None:
        """A heartbeat never shortens a lease; a board that attaches is back from any reboot."""
        until = self._world.now + DEFAULT_POLICY.lease_s
        for lease in leases:
            term = self._terms.get(lease)
            if term is not None and term.board_id in ("", board_id):
                term.until = until if attached else max(term.until, until)

    def reboot(self, lease: Lease) -> None:
        if lease in self._terms:
            self._terms[lease].until = self._world.now + DEFAULT_POLICY.reboot_deadline_s

    def end(self, lease: Lease) -> None:
        self._terms.pop(lease, None)

    def check_early(self, lease: Lease) -> None:
        """A lease was said to have run out."""
        term = self._terms.get(lease)
        if term is None:
            self._world.violate(f"{lease} ran out and was none")
        elif self._world.now < min(term.until, term.hard_stop) - _ROUNDING_S:
            self._world.violate(f"{lease} ran out {term.until - self._world.now:.1f} s early")

    def check_late(self) -> None:
        for lease, term in list(self._terms.items()):
            if self._world.now > min(term.until, term.hard_stop) + _ONE_TICK_S:
                self._world.violate(f"{lease} should have run out")
                del self._terms[lease]
