"""The real store behind the harness: what the checks ask of a dictionary there, they ask of SQL here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select

from farm.model.attempt import Lease, Outcome
from farm.model.job import Job, JobState, Run
from farm.store.audit import AuditKind
from farm.store.invariants import violations
from farm.store.store import Epoch, Store
from farm.store.tables import ATTEMPT, AUDIT, JOB, RESULT
from farm.store.writes import Write, WriteResult
from tests.simulation.model_store import Row
from tests.simulation.world import World

_TRANSITIONS = [
    kind.value for kind in (AuditKind.CLAIMED, AuditKind.REQUEUED, AuditKind.GIVEN_BACK, AuditKind.FINISHED)
]


class RealStore:
    def __init__(self, world: World, url: str) -> None:
        self._world = world
        self._store = Store.open(url, clock=lambda: 1.7e9 + world.now)
        self._jobs: dict[str, Job] = {}

    def close(self) -> None:
        for violation in violations(self._store):
            self._world.violate(violation)
        self._store.close()

    def hold(self) -> Epoch:
        return self._store.hold("main", host="simulated")

    def create(self, jobs: Sequence[Job]) -> None:
        self._jobs = {job.job_id: job for job in jobs}
        run = Run("run", "storm", "{}", "simulation", created_unix_s=1.7e9)
        assert self._store.create_run(self.hold(), run, jobs)

    def load_unfinished(self) -> list[Job]:
        return self._store.load_unfinished()

    def apply(self, epoch: Epoch, writes: Sequence[Write]) -> list[WriteResult]:
        return self._store.apply(epoch, writes)

    def standing(self) -> dict[str, Row]:
        rows = {}
        results = (
            select(JOB.c.job_id, RESULT.c.fence, ATTEMPT.c.log_tail)
            .join(JOB, JOB.c.job_no == RESULT.c.job_no)
            .join(ATTEMPT, (ATTEMPT.c.job_no == RESULT.c.job_no) & (ATTEMPT.c.fence == RESULT.c.fence))
        )
        with self._store.read() as connection:
            for job in connection.execute(select(JOB)):
                rows[job.job_id] = Row(
                    self._jobs[job.job_id],
                    JobState(job.state),
                    job.fence,
                    job.attempts,
                    job.board_id,
                    outcome=Outcome(job.outcome) if job.outcome else None,
                )
            for result in connection.execute(results):
                rows[result.job_id].results.append((result.fence, int(result.log_tail)))
        return rows

    def transitions(self) -> Counter[str]:
        query = select(JOB.c.job_id).join(AUDIT, AUDIT.c.job_no == JOB.c.job_no).where(AUDIT.c.kind.in_(_TRANSITIONS))
        with self._store.read() as connection:
            return Counter(connection.scalars(query))

    def has_settled(self, lease: Lease) -> bool:
        query = (
            select(ATTEMPT.c.fence)
            .join(JOB, JOB.c.job_no == ATTEMPT.c.job_no)
            .where(JOB.c.job_id == lease.job_id, ATTEMPT.c.fence == lease.fence, ATTEMPT.c.ended_by == "record")
        )
        with self._store.read() as connection:
            return connection.execute(query).first() is not None
