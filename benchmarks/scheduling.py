"""How good and how fast the order is: synthetic queues of 100 boards and 10,000 jobs, seeded.

    python -m benchmarks.scheduling [--seeds 3] [--out benchmarks/results/scheduling.json]

Five types of 20 boards; three sets of knobs x four environments; forty models; durations lognormal about the mean, with
a noise that the estimate does not know. Set-up costs are those of `farm.scheduling.families`. Every number but the
times is a ratio of modelled quantities: makespan over a lower bound that no order can beat.

The second table is the cost of the whole core for one job without any work in it: credit, claim, commit, assignment,
record, settlement, ack. Times are of this thread on its CPU, so that what else the machine does counts little.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import describe_machine
from farm.model.attempt import Outcome
from farm.model.board import Board
from farm.model.job import ArtifactRef, Config, Job, JobSpec, Model
from farm.scheduling import commands, events
from farm.scheduling.core import Core
from farm.scheduling.forecast import Order, forecast, lower_bound_s
from farm.scheduling.order import Queue


@dataclass(frozen=True)
class Instance:
    """A synthetic queue and how long each job really takes."""

    jobs: tuple[Job, ...]
    durations_s: dict[str, float]

    def duration_s(self, job: Job) -> float:
        return self.durations_s[job.job_id]


def make_instance(
    seed: int, mean_s: float, *, types: int = 5, boards_per_type: int = 20, jobs: int = 10_000, noise: float = 0.2
) -> Instance:
    """A seeded queue; the order of submission is random, as from many sweeps at once."""
    rng = random.Random(seed)
    boards = [tuple(f"t{kind}-{index:02}" for index in range(boards_per_type)) for kind in range(types)]
    knobs = [{}, {"arm_freq": "1800"}, {"arm_freq": "2000"}]
    environments = [("onnxruntime", ""), ("onnxruntime", "onnxruntime==1.20.*"), ("litert", ""), ("ncnn", "")]
    models = [Model(f"m{index}", "onnx", "float32", ArtifactRef(f"{index:064x}", 1_000_000)) for index in range(40)]
    made = []
    duration_s = {}
    for index in range(jobs):
        runtime, requirement = rng.choice(environments)
        config = Config(runtime, requirement, knobs=rng.choice(knobs))
        spec = JobSpec(f"{index:05}", "run", rng.choice(models), config)
        estimate_s = mean_s * rng.lognormvariate(-0.125, 0.5)
        made.append(Job(spec, boards[index % types], estimate_s=estimate_s))
        duration_s[spec.job_id] = estimate_s * rng.lognormvariate(-noise * noise / 2, noise)
    rng.shuffle(made)
    return Instance(tuple(made), duration_s)


class FirstInFirstOut:
    """The rule to beat: the job that came first."""

    def __init__(self) -> None:
        self._queues: dict[str, list[tuple[int, Job]]] = {}
        self._shared: dict[tuple[str, ...], list[tuple[int, Job]]] = {}
        self._sequence = 0

    def add(self, job: Job, board_ids: tuple[str, ...], now: float) -> None:
        queue = self._shared.setdefault(board_ids, [])
        for board_id in board_ids:
            self._queues[board_id] = queue
        self._sequence += 1
        heapq.heappush(queue, (self._sequence, job))

    def take(self, board_id: str, now: float) -> Job | None:
        queue = self._queues[board_id]
        return heapq.heappop(queue)[1] if queue else None


class Timed:
    """An order, and how long its decisions took."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.decisions_ns: list[int] = []

    def add(self, job: Job, board_ids: tuple[str, ...], now: float) -> None:
        self._order.add(job, board_ids, now)

    def take(self, board_id: str, now: float) -> Job | None:
        begin = time.thread_time_ns()
        job = self._order.take(board_id, now)
        self.decisions_ns.append(time.thread_time_ns() - begin)
        return job


@dataclass(frozen=True)
class OrderScore:
    rule: str
    mean_job_s: float
    above_bound: float
    reboots: float
    setup_board_hours: float
    decision_us_mean: float
    decision_us_p99: float


def score_order(rule: str, make: Callable[[], Order], mean_s: float, seeds: int) -> OrderScore:
    """Mean over the seeds."""
    above, reboots, setup_h, decisions = [], [], [], []
    for seed in range(seeds):
        instance = make_instance(seed, mean_s)
        order = Timed(make())
        seen = forecast(instance.jobs, order=order, duration_s=instance.duration_s)
        above.append(seen.makespan_s / lower_bound_s(instance.jobs, duration_s=instance.duration_s) - 1)
        reboots.append(seen.reboots)
        setup_h.append(seen.setup_s / 3600)
        decisions += order.decisions_ns
    decisions.sort()
    return OrderScore(
        rule,
        mean_s,
        statistics.mean(above),
        statistics.mean(reboots),
        statistics.mean(setup_h),
        statistics.mean(decisions) / 1e3,
        decisions[len(decisions) * 99 // 100] / 1e3,
    )


@dataclass(frozen=True)
class CoreCost:
    """Of one job without work in it, through the whole core; `submit` is what it costs to put it in the queue."""

    boards: int
    jobs: int
    submit_us: float
    life_us: float


def time_core(boards: int = 200, jobs: int = 20_000) -> CoreCost:
    """Credit, claim, commit, assignment, record, settlement, ack; every store answer comes at once."""
    core = Core(rng=random.Random(0))
    names = tuple(f"b{index:03}" for index in range(boards))
    made = tuple(
        Job(JobSpec(f"{index:064}", "run", None, Config("command")), names, estimate_s=1.0) for index in range(jobs)
    )
    begin = time.thread_time()
    core.handle(events.RunSubmitted(0.0, made))
    submitted = time.thread_time()
    asked: list[commands.Command] = []
    for name in names:
        core.handle(events.BoardAttached(0.0, Board(name, "model", name)))
        asked += core.handle(events.BoardReady(0.0, name))
    now, done, started = 0.0, 0, time.thread_time()
    while asked:
        claim = asked.pop()
        assert isinstance(claim, commands.Claim)
        now += 1e-4
        core.handle(events.ClaimCommitted(now, claim.lease, accepted=True))
        core.handle(events.RecordArrived(now, claim.lease, claim.board_id, Outcome.PASSED))
        asked += core.handle(events.BoardReady(now, claim.board_id))
        core.handle(events.SettleCommitted(now, claim.lease, accepted=True))
        done += 1
    ended = time.thread_time()
    assert done == jobs
    assert core.queued == core.leased == 0
    return CoreCost(boards, jobs, (submitted - begin) / jobs * 1e6, (ended - started) / jobs * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description="Score and time the order in which jobs are given out.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scheduling.json")
    arguments = parser.parse_args()
    scores = []
    print(f"{'rule':<24}{'mean job':>10}{'above bound':>13}{'reboots':>9}{'set-up':>12}{'decision':>11}{'p99':>8}")
    for mean_s in (53.0, 15.0):
        rules: tuple[tuple[str, Callable[[], Order]], ...] = (
            ("first in, first out", FirstInFirstOut),
            ("sticky family", Queue),
        )
        for rule, make in rules:
            score = score_order(rule, make, mean_s, arguments.seeds)
            scores.append(score)
            print(
                f"{rule:<24}{mean_s:>8.0f} s{score.above_bound:>12.1%}{score.reboots:>10.0f}"
                f"{score.setup_board_hours:>10.1f} h{score.decision_us_mean:>8.1f} us{score.decision_us_p99:>5.0f} us"
            )
    cost = time_core()
    print(
        f"\none job through the core, {cost.boards} boards, {cost.jobs} jobs: "
        f"{cost.submit_us:.1f} us to submit, {cost.life_us:.1f} us from credit to ack"
    )
    result = {
        "machine": describe_machine(),
        "seeds": arguments.seeds,
        "orders": [asdict(score) for score in scores],
        "core": asdict(cost),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
