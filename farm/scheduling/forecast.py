"""What a queue would take on these boards: the order of `order.Queue` played through in virtual time.

`forecast` says when the last job would end; `lower_bound_s` says what no order can beat. Their ratio is how good the
order is, and the forecast itself is the estimate that a person is told before a sweep starts.

    >>> from farm.model.job import Config, Job, JobSpec
    >>> def job(name, runtime):
    ...     spec = JobSpec(job_id=name, run_id="r", model=None, config=Config(runtime=runtime))
    ...     return Job(spec, board_ids=("b1", "b2"), estimate_s=10.0)
    >>> jobs = [job("1", "onnxruntime"), job("2", "litert"), job("3", "onnxruntime"), job("4", "litert")]
    >>> seen = forecast(jobs, SetupCosts(knobs_s=0, environment_first_s=5, environment_s=1, model_s=0))
    >>> seen.makespan_s, seen.setup_s, seen.reboots
    (25.0, 10.0, 0)
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from farm.model.job import Job
from farm.scheduling.families import DEFAULT_COSTS, BoardSetup, Environment, Knobs, SetupCosts, make_setup
from farm.scheduling.order import Queue
from farm.scheduling.policy import Policy

__all__ = ["Forecast", "Order", "forecast", "lower_bound_s"]


class Order(Protocol):
    """A rule that says which job a free board gets; `order.Queue` is the farm's."""

    def add(self, job: Job, board_ids: tuple[str, ...], now: float) -> None: ...

    def take(self, board_id: str, now: float) -> Job | None: ...


@dataclass(frozen=True)
class Forecast:
    """`setup_s` is summed over the boards; `reboots` counts changes of knobs."""

    makespan_s: float
    setup_s: float
    reboots: int


def forecast(
    jobs: Iterable[Job],
    costs: SetupCosts = DEFAULT_COSTS,
    *,
    order: Order | None = None,
    duration_s: Callable[[Job], float] = lambda job: job.estimate_s,
) -> Forecast:
    """Play the queue through on all boards that the jobs name, each free and unknown at the start.

    `duration_s` says how long a job really takes, where that is not its estimate.
    """
    if order is None:
        order = Queue(Policy(setup_costs=costs))
    board_ids: dict[str, None] = {}
    for job in jobs:
        order.add(job, job.board_ids, 0.0)
        board_ids.update(dict.fromkeys(job.board_ids))
    setups = {board_id: BoardSetup() for board_id in board_ids}
    free = [(0.0, index, board_id) for index, board_id in enumerate(board_ids)]
    makespan_s = setup_s = 0.0
    reboots = 0
    while free:
        now, index, board_id = heapq.heappop(free)
        next_job = order.take(board_id, now)
        if next_job is None:
            continue
        board = setups[board_id]
        setup = make_setup(next_job.spec)
        cost_s = board.cost_s(setup, costs)
        reboots += board.knobs is not None and setup.knobs != board.knobs
        board.become(setup)
        setup_s += cost_s
        end = now + cost_s + duration_s(next_job)
        makespan_s = max(makespan_s, end)
        heapq.heappush(free, (end, index, board_id))
    return Forecast(makespan_s, setup_s, reboots)


def lower_bound_s(
    jobs: Sequence[Job],
    costs: SetupCosts = DEFAULT_COSTS,
    *,
    duration_s: Callable[[Job], float] = lambda job: job.estimate_s,
) -> float:
    """Seconds that no order can beat, for jobs whose board sets are equal or apart. Valid, but loose.

    Of each board set: the longest job, or the work spread evenly, with each set of knobs and each environment but the
    first set up once somewhere, and each model sent once.
    """
    bound_s = 0.0
    by_boards: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        by_boards.setdefault(job.board_ids, []).append(job)
    for board_ids, group in by_boards.items():
        durations = [duration_s(job) for job in group]
        knobs: set[Knobs] = set()
        environments: set[Environment] = set()
        models: set[str] = set()
        for setup in (make_setup(job.spec) for job in group):
            knobs.add(setup.knobs)
            environments.add(setup.environment)
            models.add(setup.model)
        setup_s = (
            (len(knobs) - 1) * costs.knobs_s
            + (len(environments) - 1) * costs.environment_first_s
            + len(models - {""}) * costs.model_s
        )
        bound_s = max(bound_s, max(durations), (sum(durations) + setup_s) / len(board_ids))
    return bound_s
