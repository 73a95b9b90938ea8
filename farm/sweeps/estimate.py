"""How long a job takes before anybody has run it: from its scenario, for the plan and for the scheduler's first guess.

The figures for what is not measurement are round guesses, to be replaced by what a farm learns of its own boards. On a
2-core x86-64 machine with a load of 9 the quickstart took 3.7 s a job, where this says 2.8 s.
"""

from __future__ import annotations

from farm.model.job import JobSpec

__all__ = ["at_most_s", "estimate_s"]

PREPARE_S = 0.5
"""Artifacts and a warm environment."""
LAUNCH_S = 1.0
"""Start of the interpreter, import of the runtime, load, verify."""
WARMUP_S = 0.5
"""Until the series is level; most end long before `max_warmup`."""


def estimate_s(spec: JobSpec) -> float:
    """The likely length of an attempt: no wait for a gate, the least measurement unless it has to converge."""
    scenario = spec.scenario
    measure_s = scenario.min_duration_s
    if scenario.converge:
        measure_s = (scenario.min_duration_s * scenario.max_duration_s) ** 0.5
    launch_s = LAUNCH_S + min(scenario.max_warmup_s, WARMUP_S) + measure_s
    return PREPARE_S + spec.launches * launch_s + (spec.launches - 1) * spec.cooldown_s


def at_most_s(spec: JobSpec) -> float:
    """What no attempt exceeds: its limit."""
    return spec.limits.attempt_s
