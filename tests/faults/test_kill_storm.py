"""Kill anything, at any time: every job still ends once, is recorded once, and little board time is wasted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JOBS = 1_000
AGENTS = 8
MOST_EXECUTIONS_PER_JOB = 1.25

pytestmark = [pytest.mark.storm, pytest.mark.slow, pytest.mark.timeout(600)]


EVERYTHING = {"agent": 4, "gateway": 2, "freeze": 2, "runner": 3}
UNFENCED = (sys.executable, str(Path(__file__).with_name("unfenced_farm.py")))


def ride_out(yard: Any, jobs: int, storm: Any, patience_s: float) -> tuple[str, bool]:
    yard.start_coordinator()
    yard.wait_until(yard.is_up)
    for index in range(AGENTS):
        yard.start_agent(f"board-{index}")
    yard.wait_until(lambda: yard.attached() == AGENTS)
    run_id = yard.submit(jobs)
    return run_id, storm.rage(lambda: yard.unfinished(run_id) == 0, patience_s=patience_s)


def test_every_job_ends_once_and_is_recorded_once(
    make_yard: Callable[..., Any], make_storm: Any, find_violations: Callable[..., list[str]]
) -> None:
    yard = make_yard()
    storm = make_storm(yard, seed=1, weights=EVERYTHING)
    run_id, over = ride_out(yard, JOBS, storm, patience_s=420.0)
    assert over, f"{yard.unfinished(run_id)} jobs are unfinished after {dict(storm.strikes)}"
    assert find_violations(yard, run_id, JOBS) == []
    assert all(storm.strikes[kind] >= 2 for kind in EVERYTHING), storm.strikes
    executions = yard.executions()
    assert sum(executions.values()) / JOBS <= MOST_EXECUTIONS_PER_JOB
    assert len(executions) >= JOBS - storm.strikes["runner"]


@pytest.mark.ray
def test_the_ray_actor_that_hosts_the_gateway_may_be_killed_too(
    make_yard: Callable[..., Any], make_storm: Any, find_violations: Callable[..., list[str]]
) -> None:
    yard = make_yard(on_ray=True)
    storm = make_storm(yard, seed=3, weights={**EVERYTHING, "gateway": 5})
    run_id, over = ride_out(yard, JOBS, storm, patience_s=420.0)
    assert over, f"{yard.unfinished(run_id)} jobs are unfinished after {dict(storm.strikes)}"
    assert find_violations(yard, run_id, JOBS) == []
    assert storm.strikes["gateway"] >= 3, storm.strikes
    assert storm.strikes["agent"], storm.strikes
    assert storm.strikes["runner"], storm.strikes
    assert sum(yard.executions().values()) / JOBS <= MOST_EXECUTIONS_PER_JOB


def test_without_the_fence_the_same_check_fails(
    make_yard: Callable[..., Any], make_storm: Any, find_violations: Callable[..., list[str]]
) -> None:
    """Boards that freeze until others have done their jobs report late: without a fence those jobs end twice."""
    yard = make_yard(coordinator_command=UNFENCED)
    jobs = 200
    storm = make_storm(yard, seed=2, weights={"freeze": 1}, pause_s=2.0, shortest_freeze_s=60.0)
    run_id, over = ride_out(yard, jobs, storm, patience_s=200.0)
    assert over
    assert storm.strikes["freeze"]
    yard.wait_until(lambda: any(found.endswith("ended 2 times") for found in find_violations(yard, run_id, jobs)))
