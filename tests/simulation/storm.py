"""One seeded run: boards, jobs, 200 seconds of faults, then calm until everything must be done; and what must hold.

I1  each job ends in exactly one terminal state
I2  a passed job has exactly one accepted result, under the job's own fence
I3  what is acked is durable (checked in `farm.py` at each ack)
I4  an accepted result never changes
I6  executions per job are bounded, each by the attempts that the policy allows, and all together by a budget
I7  audit rows = transitions that the store accepted
and: no board is given a job it did not ask for, no job is claimed after its cancel, every spool is emptied
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from farm.model.attempt import Outcome
from farm.model.board import BoardIntent
from farm.model.job import Config, Job, JobSpec, JobState, Limits
from farm.scheduling.core import Core
from farm.scheduling.policy import DEFAULT_POLICY
from tests.simulation.agent import CALM, Agent, Temper
from tests.simulation.farm import AnyStore, Farm
from tests.simulation.lease_watch import ATTEMPT_LIMIT_S
from tests.simulation.model_store import ModelStore
from tests.simulation.world import World

FAULTS_END_S = 200.0
PATIENCE_S = 4_000.0
JOBS = 30


@dataclass(frozen=True)
class Report:
    """What a run came to."""

    seed: int
    violations: tuple[str, ...]
    executions: int
    jobs: int
    board_s: float
    seen: Counter[str]
    mutant_at_work: int
    outcomes: Counter[str]


def play(
    seed: int,
    *,
    make_core: Callable[[World, random.Random], Core] = lambda world, rng: Core(rng=rng),
    make_farm: Callable[[World, AnyStore, Callable[[random.Random], Core]], Farm] = Farm,
    make_store: Callable[[World], AnyStore] = lambda world: ModelStore(),
) -> Report:
    world = World(seed)
    rng = world.rng
    store = make_store(world)
    farm = make_farm(world, store, lambda rng: make_core(world, rng))
    boards = [f"b{index}" for index in range(rng.randint(3, 8))]
    jobs = [_make_job(index, boards, rng) for index in range(JOBS)]
    store.create(jobs)
    farm.start()
    agents = [Agent(world, farm, board_id, _make_temper(rng)) for board_id in boards]
    _plan_faults(world, farm, agents)
    world.run(FAULTS_END_S, over=lambda: False)
    _calm_down(world, farm, agents)

    def over() -> bool:
        finished = all(row.state is JobState.FINISHED for row in store.standing().values())
        return finished and not any(agent.spool or agent.busy for agent in agents if not agent.dead)

    world.run(PATIENCE_S, over)
    _check(world, farm, store, agents)
    standing = store.standing()
    store.close()
    return Report(
        seed,
        tuple(world.violations),
        sum(farm.executions.values()),
        len(jobs),
        world.now * len(boards),
        world.seen,
        world.mutant_at_work,
        Counter(row.outcome.value for row in standing.values() if row.outcome is not None),
    )


def _make_job(index: int, boards: list[str], rng: random.Random) -> Job:
    """Jobs may run on some boards, of which the first always lives on."""
    others = [board_id for board_id in boards[1:] if rng.random() < 0.7]
    config = Config(rng.choice(("onnxruntime", "litert")), knobs=rng.choice(({}, {"arm_freq": "2000"})))
    spec = JobSpec(f"j{index:02}", "run", None, config, limits=Limits(attempt_s=ATTEMPT_LIMIT_S))
    return Job(spec, (boards[0], *others), priority=rng.choice((0, 0, 1)), estimate_s=rng.uniform(1.0, 20.0))


def _make_temper(rng: random.Random) -> Temper:
    return Temper(
        slowness=4.0 if rng.random() < 0.15 else 1.0,
        board_faults=0.5 if rng.random() < 0.15 else 0.02,
    )


def _plan_faults(world: World, farm: Farm, agents: list[Agent]) -> None:
    rng = world.rng
    farm.drop, farm.stall = rng.choice(((0.0, 0.0), (0.01, 0.01), (0.05, 0.02)))
    farm.slow_commits = rng.random() < 0.3
    farm.die_at_commit = rng.choice((0.0, 0.002, 0.02))

    def some(mean: float, act: Callable[[], None]) -> None:
        at_s = rng.expovariate(1.0 / mean)
        while at_s < FAULTS_END_S:
            world.after(at_s, act)
            at_s += rng.expovariate(1.0 / mean)

    some(rng.choice((40.0, 400.0)), lambda: farm.crash(rng.uniform(0.5, 40.0)))
    some(20.0, lambda: rng.choice(agents).kill(wipe=rng.random() < 0.3, down_s=rng.uniform(0.5, 60.0)))
    some(60.0, lambda: rng.choice(agents).stop(down_s=rng.uniform(0.5, 60.0)))
    some(40.0, lambda: rng.choice(agents).freeze(rng.uniform(1.0, 60.0)))
    some(30.0, lambda: rng.choice(agents).cut_off(rng.uniform(1.0, 60.0)))
    some(60.0, lambda: _jump(world))
    some(60.0, lambda: farm.cancel(f"j{rng.randrange(JOBS):02}"))
    some(60.0, lambda: farm.set_intent(rng.choice(agents).board_id, rng.choice(list(BoardIntent))))
    if len(agents) > 3:
        some(200.0, lambda: rng.choice(agents[1:]).die())


def _jump(world: World) -> None:
    world.seen["wall clock jumped"] += 1
    world.wall_offset_s += world.rng.uniform(-7200.0, 7200.0)


def _calm_down(world: World, farm: Farm, agents: list[Agent]) -> None:
    """The faults end; what they have done stays. An operator enables every board, and again those that fall ill."""
    farm.drop = farm.stall = farm.die_at_commit = 0.0
    farm.slow_commits = False
    for agent in agents:
        agent.temper = CALM
        agent.reachable_at = world.now

    def enable() -> None:
        for agent in agents:
            farm.set_intent(agent.board_id, BoardIntent.ENABLED)
        world.after(60.0, enable)

    enable()


def _check(world: World, farm: Farm, store: AnyStore, agents: list[Agent]) -> None:
    most = 2 * DEFAULT_POLICY.max_attempts + _uncounted(world)
    transitions = store.transitions()
    for job_id, row in store.standing().items():
        if row.state is not JobState.FINISHED or row.outcome is None:
            world.violate(f"I1: {job_id} is {row.state.value}: {farm.core.why(job_id)}")
        if row.outcome is Outcome.PASSED:
            if len(row.results) != 1:
                world.violate(f"I2: {job_id} passed with {len(row.results)} accepted results")
            elif row.results[0][0] != row.fence:
                world.violate(f"I2: {job_id} has a result of fence {row.results[0][0]}, its own is {row.fence}")
        elif row.results:
            world.violate(f"I2: {job_id} is {row.outcome} and has an accepted result")
        if [execution for _, execution in row.results] != farm.recorded.get(job_id, []):
            world.violate(f"I4: the results of {job_id} were {farm.recorded.get(job_id, [])}, are {row.results}")
        if farm.executions[job_id] > most:
            world.violate(f"I6: {job_id} was executed {farm.executions[job_id]} times")
        if transitions[job_id] != farm.accepted[job_id]:
            world.violate(f"I7: {job_id} has {transitions[job_id]} audit rows for {farm.accepted[job_id]} transitions")
    for agent in agents:
        if not agent.dead and agent.spool:
            world.violate(f"the spool of {agent.board_id} is never emptied of {list(agent.spool)}")


def _uncounted(world: World) -> int:
    """Executions beyond what attempts allow: those given back, and one more try for each new core, which does not know
    on which boards a job was lost without a fault."""
    kills = sum(count for what, count in world.seen.items() if what.startswith("coordinator killed"))
    return kills + world.seen["attempt given back"]
