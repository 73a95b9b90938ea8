"""Kill anything, at any time: every job still ends once, is recorded once, and little board time is wasted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

JOBS = 1_000
AGENTS = 8
MOST_EXECUTIONS_PER_JOB = 1.25

pytestmark = [pytest.mark.storm, pytest.mark.slow, pytest.mark.timeout(600)]


def ride_out(yard: Any, make_storm: Any, jobs: int, seed: int, patience_s: float) -> tuple[str, Any, bool]:
    yard.start_coordinator()
    yard.wait_until(yard.is_up)
    for index in range(AGENTS):
        yard.start_agent(f"board-{index}")
    yard.wait_until(lambda: yard.attached() == AGENTS)
    run_id = yard.submit(jobs)
    storm = make_storm(yard, seed)
    over = storm.rage(lambda: yard.unfinished(run_id) == 0, patience_s=patience_s)
    return run_id, storm, over


def test_every_job_ends_once_and_is_recorded_once(
    make_yard: Callable[..., Any], make_storm: Any, find_violations: Callable[..., list[str]]
) -> None:
    yard = make_yard()
    run_id, storm, over = ride_out(yard, make_storm, JOBS, seed=1, patience_s=420.0)
    assert over, f"{yard.unfinished(run_id)} jobs are unfinished after {dict(storm.strikes)}"
    assert find_violations(yard, run_id, JOBS) == []
    assert all(storm.strikes[kind] >= 2 for kind in ("agent", "gateway", "freeze", "runner")), storm.strikes
    executions = yard.executions()
    assert sum(executions.values()) / JOBS <= MOST_EXECUTIONS_PER_JOB
    assert len(executions) >= JOBS - storm.strikes["runner"]


def test_without_the_fence_the_same_check_fails(
    make_yard: Callable[..., Any], make_storm: Any, find_violations: Callable[..., list[str]]
) -> None:
    yard = make_yard(coordinator_command=_unfenced())
    jobs = 300
    run_id, _, over = ride_out(yard, make_storm, jobs, seed=2, patience_s=120.0)
    assert not over or find_violations(yard, run_id, jobs)


def _unfenced() -> tuple[str, ...]:
    import sys
    from pathlib import Path

    return (sys.executable, str(Path(__file__).with_name("unfenced_farm.py")))
