"""Which job a free board gets next.

    1. a job that has waited beyond the ageing bound, once per turn of the board
    2. the highest priority class that has a job for this board
    3. the set-up family the board is in, while that has jobs; else the family that is cheapest to change to,
       and among equals the one with the most work left per board already on it
    4. inside a family the model the board has, while there are more jobs than boards on the family; else the longest
       first, so that the end of a run is not one long job on one board

Measured on synthetic queues (benchmarks/scheduling.py) this ends a few per cent above the lower bound, where first in,
first out is more than half above it.

How it is found without looking at every job: jobs that may run on the same boards in the same priority class share a
`Pool`; in it each family has a heap by length. A decision looks at the pools of one board (few) and the heads of their
heaps. Jobs taken out of order (cancelled, aged) stay in a heap as tombstones until they surface.

Two seams. A fair share between submitters belongs between 2 and 3: a further part of a pool's key, and a virtual time
per submitter that the choice among pools of one class compares. Jobs of one comparison, which must stay on one board
and take turns there, come as jobs whose `board_ids` name that board; a `Ticket` for the group would go where the
ticket of the first of them goes.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice

from farm.model.job import Job
from farm.scheduling.families import BoardSetup, Environment, Knobs, Setup, make_setup
from farm.scheduling.policy import DEFAULT_POLICY, Policy

__all__ = ["Queue"]

FAMILIES_LOOKED_AT = 64
"""At a change of set-up no more families than this are compared, so that ten thousand cost no more than these."""

EMPTY_POOLS_KEPT = 32
"""A pool that ran empty is likely to fill again; showing it to two hundred boards anew costs more than keeping it."""


class Ticket:
    """A queued job's place."""

    __slots__ = ("job", "pool", "queued_at", "setup", "taken")

    def __init__(self, job: Job, setup: Setup, pool: Pool, queued_at: float) -> None:
        self.job = job
        self.setup = setup
        self.pool = pool
        self.queued_at = queued_at
        self.taken = False


Rank = tuple[float, int, Ticket]
"""Longest first, then first come."""


class Family:
    """The jobs of one pool that need the same knobs and environment, longest first, in all and of each model."""

    __slots__ = ("by_model", "count", "environment", "heap", "knobs", "work_s")

    def __init__(self, knobs: Knobs, environment: Environment) -> None:
        self.knobs = knobs
        self.environment = environment
        self.heap: list[Rank] = []
        self.by_model: dict[str, list[Rank]] = {}
        self.count = 0
        self.work_s = 0.0

    def add(self, rank: Rank) -> None:
        ticket = rank[2]
        heapq.heappush(self.heap, rank)
        of_model = self.by_model.get(ticket.setup.model)
        if of_model is None:
            self.by_model[ticket.setup.model] = [rank]
        else:
            heapq.heappush(of_model, rank)
        self.count += 1
        self.work_s += ticket.job.estimate_s

    def longest(self) -> Rank:
        """The longest job; the family must have one."""
        heap = self.heap
        while heap[0][2].taken:
            heapq.heappop(heap)
        return heap[0]

    def longest_of(self, model: str | None) -> Rank | None:
        """The longest job of this model, if there is one."""
        heap = self.by_model.get(model) if model is not None else None
        while heap:
            if not heap[0][2].taken:
                return heap[0]
            heapq.heappop(heap)
        return None


class Pool:
    """The queued jobs of one priority class that may run on the same boards."""

    __slots__ = ("board_ids", "by_age", "count", "families", "priority")

    def __init__(self, priority: int, board_ids: tuple[str, ...]) -> None:
        self.priority = priority
        self.board_ids = board_ids
        self.families: dict[Knobs, dict[Environment, Family]] = {}
        self.by_age: deque[Ticket] = deque()
        self.count = 0

    def family(self, knobs: Knobs | None, environment: Environment | None) -> Family | None:
        """This family, if it has jobs."""
        if knobs is None or environment is None:
            return None
        environments = self.families.get(knobs)
        return None if environments is None else environments.get(environment)

    def candidates(self, knobs: Knobs | None) -> Iterator[Family]:
        """Families to change to: some of those that keep the knobs, then some of all."""
        same = self.families.get(knobs, {}).values() if knobs is not None else ()
        every = chain.from_iterable(environments.values() for environments in self.families.values())
        return chain(islice(same, FAMILIES_LOOKED_AT), islice(every, FAMILIES_LOOKED_AT))

    def oldest(self) -> Ticket:
        """The job that waits longest; the pool must have one."""
        by_age = self.by_age
        while by_age[0].taken:
            by_age.popleft()
        return by_age[0]


class Queue:
    """All queued jobs, ordered for each board by its own set-up.

    >>> from farm.model.job import Config, Job, JobSpec
    >>> def job(name, runtime, estimate_s):
    ...     spec = JobSpec(job_id=name, run_id="r", model=None, config=Config(runtime=runtime))
    ...     return Job(spec, board_ids=("b1",), estimate_s=estimate_s)
    >>> queue = Queue()
    >>> for each in (job("short", "onnxruntime", 5), job("long", "onnxruntime", 9), job("other", "litert", 7)):
    ...     queue.add(each, each.board_ids, now=0.0)
    >>> [queue.take("b1", now=0.0).job_id for _ in range(3)]
    ['long', 'short', 'other']
    """

    def __init__(self, policy: Policy = DEFAULT_POLICY) -> None:
        self._age_bound_s = policy.age_bound_s
        self._age_turn_s = policy.age_turn_s
        self._costs = policy.setup_costs
        self._tickets: dict[str, Ticket] = {}
        self._pools: dict[tuple[int, tuple[str, ...]], Pool] = {}
        self._pools_of: dict[str, list[Pool]] = {}
        self._emptied: dict[int, Pool] = {}
        self._setups: dict[str, BoardSetup] = {}
        self._turn_at: dict[str, float] = {}
        self._boards_on: dict[tuple[Knobs | None, Environment | None], int] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._tickets

    def add(self, job: Job, board_ids: tuple[str, ...], now: float) -> None:
        """Put a job in; `board_ids` are those that may have it for now."""
        pool = self._pools.get((job.priority, board_ids))
        if pool is None:
            pool = self._open_pool(job.priority, board_ids)
        setup = make_setup(job.spec)
        ticket = self._tickets[job.job_id] = Ticket(job, setup, pool, now)
        environments = pool.families.get(setup.knobs)
        if environments is None:
            environments = pool.families[setup.knobs] = {}
        family = environments.get(setup.environment)
        if family is None:
            family = environments[setup.environment] = Family(setup.knobs, setup.environment)
        self._sequence += 1
        family.add((-job.estimate_s, self._sequence, ticket))
        pool.by_age.append(ticket)
        pool.count += 1
        if pool.count == 1:
            self._emptied.pop(id(pool), None)

    def remove(self, job_id: str) -> Job | None:
        """Take a job out, whoever may have it; None when it is not queued."""
        ticket = self._tickets.get(job_id)
        return None if ticket is None else self._take_out(ticket)

    def boards_of(self, job_id: str) -> tuple[str, ...]:
        """The boards that may have this queued job for now."""
        return self._tickets[job_id].pool.board_ids

    def ahead_of(self, job_id: str) -> int:
        """How many queued jobs of this job's own pool or a higher class of its boards' may go first, at most."""
        own = self._tickets[job_id].pool
        pools = {id(pool): pool for board in own.board_ids for pool in self._pools_of.get(board, ())}
        return sum(pool.count for pool in pools.values() if pool.priority >= own.priority) - 1

    def take(self, board_id: str, now: float) -> Job | None:
        """The next job for this board, taken out; None when there is none for it."""
        live = [pool for pool in self._pools_of.get(board_id, ()) if pool.count]
        if not live:
            return None
        top = [pool for pool in live if pool.priority == live[0].priority]
        board = self._setups.get(board_id)
        if board is None:
            board = self._setups[board_id] = BoardSetup()
        ticket = self._aged(live, board_id, now) or self._sticky(top, board) or self._cheapest(top, board)
        before = (board.knobs, board.environment)
        setup = ticket.setup
        board.become(setup)
        after = (setup.knobs, setup.environment)
        if before != after:
            self._boards_on[after] = self._boards_on.get(after, 0) + 1
            if self._boards_on.get(before, 0) > 1:
                self._boards_on[before] -= 1
            else:
                self._boards_on.pop(before, None)
        return self._take_out(ticket)

    def _aged(self, pools: list[Pool], board_id: str, now: float) -> Ticket | None:
        if now - self._turn_at.get(board_id, -self._age_turn_s) < self._age_turn_s:
            return None
        oldest = min((pool.oldest() for pool in pools), key=lambda ticket: ticket.queued_at)
        if now - oldest.queued_at <= self._age_bound_s:
            return None
        self._turn_at[board_id] = now
        return oldest

    def _sticky(self, pools: list[Pool], board: BoardSetup) -> Ticket | None:
        families = [family for pool in pools if (family := pool.family(board.knobs, board.environment)) is not None]
        if not families:
            return None
        boards_on = self._boards_on.get((board.knobs, board.environment), 1)
        return min(
            (family.count > boards_on and family.longest_of(board.model)) or family.longest() for family in families
        )[2]

    def _cheapest(self, pools: list[Pool], board: BoardSetup) -> Ticket:
        costs, boards_on = self._costs, self._boards_on
        family = min(
            chain.from_iterable(pool.candidates(board.knobs) for pool in pools),
            key=lambda family: (
                board.family_cost_s(family.knobs, family.environment, costs),
                # A job of unknown length counts too, as a second.
                -(family.work_s + family.count) / (boards_on.get((family.knobs, family.environment), 0) + 1),
            ),
        )
        return family.longest()[2]

    def _take_out(self, ticket: Ticket) -> Job:
        job, pool, setup = ticket.job, ticket.pool, ticket.setup
        ticket.taken = True
        del self._tickets[job.job_id]
        environments = pool.families[setup.knobs]
        family = environments[setup.environment]
        family.count -= 1
        family.work_s -= job.estimate_s
        if not family.count:
            del environments[setup.environment]
            if not environments:
                del pool.families[setup.knobs]
        pool.count -= 1
        if not pool.count:
            pool.by_age.clear()
            self._emptied[id(pool)] = pool
            if len(self._emptied) > EMPTY_POOLS_KEPT:
                self._drop_empty_pools()
        elif len(pool.by_age) > 2 * pool.count + 64:
            pool.by_age = deque(each for each in pool.by_age if not each.taken)
        return job

    def _open_pool(self, priority: int, board_ids: tuple[str, ...]) -> Pool:
        """A pool, shown to its boards, highest class first."""
        pool = self._pools[priority, board_ids] = Pool(priority, board_ids)
        for board_id in board_ids:
            pools = self._pools_of.setdefault(board_id, [])
            pools.append(pool)
            pools.sort(key=lambda each: -each.priority)
        return pool

    def _drop_empty_pools(self) -> None:
        for pool in self._emptied.values():
            del self._pools[pool.priority, pool.board_ids]
            for board_id in pool.board_ids:
                self._pools_of[board_id].remove(pool)
        self._emptied.clear()
