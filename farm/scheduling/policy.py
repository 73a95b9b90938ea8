"""The numbers that scheduling turns on, in one place. The defaults are those the protocol was sized for."""

from __future__ import annotations

from dataclasses import dataclass

from farm.scheduling.families import DEFAULT_COSTS, SetupCosts

__all__ = ["DEFAULT_POLICY", "Policy"]


@dataclass(frozen=True)
class Policy:
    """How long, how often, how patient."""

    lease_s: float = 30.0
    """A lease runs this long after the last heartbeat that listed it: six beats of 5 s."""
    reboot_deadline_s: float = 180.0
    """A board that announced a reboot has this long to come back."""
    max_attempts: int = 3
    """Tries of one job before it counts as used up, on at least two boards where there are two."""

    failures_in_a_row: int = 3
    """This many faults of a board one after the other take it out of service."""
    failure_share: float = 0.5
    """So does a share of faults above this, as an exponentially weighted mean over its last jobs."""
    failure_weight: float = 0.25
    """Weight of the newest job in that mean."""
    failure_min_jobs: int = 5
    """The mean is not judged before this many jobs."""

    age_bound_s: float = 7200.0
    """A job that waited longer goes next, whatever its priority and family, …"""
    age_turn_s: float = 900.0
    """… but a board changes its set-up for such a job at most this often, so that in a queue longer than the bound
    set-up still costs little."""
    setup_costs: SetupCosts = DEFAULT_COSTS


DEFAULT_POLICY = Policy()
