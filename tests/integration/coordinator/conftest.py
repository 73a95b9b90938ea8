"""A real coordinator in this process: real gRPC on loopback, a real SQLite file, and agents that say what we want."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from farm.coordinator.client import FarmClient
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.coordinator.testing import ScriptedAgent, board
from farm.model.live import FarmStatus, JobChange, WatchUpdate
from farm.sweeps.schema import Sweep

PATIENCE_S = 20.0


@dataclass
class Farm:
    """The coordinator under test, and who speaks to it."""

    settings: CoordinatorSettings
    coordinator: Coordinator
    client: FarmClient
    agents: list[ScriptedAgent] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return Path(self.settings.database_url.removeprefix("sqlite:///"))

    def agent(self, name: str, *, board_id: str | None = None, instance: str | None = None) -> ScriptedAgent:
        """An agent with one board, not attached yet."""
        agent = ScriptedAgent(self.coordinator.address, name, [board(board_id or f"board-{name}")], instance=instance)
        self.agents.append(agent)
        return agent

    async def attached(self, name: str, **more: str) -> ScriptedAgent:
        """An agent that was welcomed."""
        agent = self.agent(name, **more)
        assert (await agent.attach()).HasField("welcome")
        return agent

    async def submit(self, jobs: int, *, each: str = "any", run_id: str | None = None) -> str:
        """Queue that many jobs that need no model, for any attached board."""
        run_id = run_id or f"run-{uuid.uuid4().hex[:8]}"
        await self.client.submit(
            run_id=run_id, sweep_json=sweep(jobs, each=each), files=[], submitted_by="tester", board_wait_s=PATIENCE_S
        )
        return run_id

    async def restart(self, **changes: object) -> None:
        """Stop the coordinator and start another on the same database, at another address."""
        await self.client.close()
        await self.coordinator.stop()
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        self.coordinator = await Coordinator.start(self.settings)
        self.client = FarmClient(self.coordinator.address)

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Read the database as anybody could."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE_S)) as connection:
            return connection.execute(query, values).fetchall()

    def states(self) -> dict[str, int]:
        """How many jobs are in which state, in SQL."""
        return {str(state): int(str(count)) for state, count in self.ask("SELECT state, count(*) FROM job GROUP BY 1")}

    async def watch_until(self, run_id: str, holds: Callable[[dict[str, JobChange]], bool]) -> dict[str, JobChange]:
        """Follow a run until its jobs are as expected."""

        async def follow() -> dict[str, JobChange]:
            jobs: dict[str, JobChange] = {}
            async for update in self.client.watch(run_id):
                jobs.update({change.job_id: change for change in update.changes})
                if holds(jobs):
                    return jobs
            raise AssertionError(f"the run ended first: {jobs}")

        return await asyncio.wait_for(follow(), PATIENCE_S)

    async def watched(self, run_id: str) -> list[WatchUpdate]:
        """Every update of a run until it is finished."""

        async def follow() -> list[WatchUpdate]:
            return [update async for update in self.client.watch(run_id)]

        return await asyncio.wait_for(follow(), PATIENCE_S)

    async def status_until(self, holds: Callable[[FarmStatus], bool]) -> FarmStatus:
        """Ask for the status until it is as expected."""
        for _ in range(int(PATIENCE_S / 0.02)):
            status = await self.client.status()
            if holds(status):
                return status
            await asyncio.sleep(0.02)
        raise AssertionError(f"the status stayed {status}")


def sweep(jobs: int, *, each: str = "any", select: str = "") -> str:
    """A sweep of the shell, as `farm submit` sends it: so many batch sizes, so many jobs."""
    boards = {"each": each, **({"select": select} if select else {})}
    return Sweep.model_validate(
        {
            "name": "scripted",
            "boards": boards,
            "axes": {"runtime": [{"command": ["/bin/true"]}], "batch": list(range(1, jobs + 1))},
            "launches": 1,
        }
    ).to_json()


@pytest.fixture
def settings(tmp_path: Path) -> CoordinatorSettings:
    return CoordinatorSettings(database_url=f"sqlite:///{tmp_path / 'farm.db'}", data_dir=tmp_path)


@pytest.fixture
async def farm(settings: CoordinatorSettings) -> AsyncIterator[Farm]:
    coordinator = await Coordinator.start(settings)
    farm = Farm(settings, coordinator, FarmClient(coordinator.address))
    yield farm
    for agent in farm.agents:
        await agent.vanish()
    await farm.client.close()
    await farm.coordinator.stop()
