"""One executor for all tests of this folder, so that each environment is built once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devicefarm.v1 import job_pb2
from farm_agent.boards.base import LaunchRequest, LaunchResult, RunnerEvent
from farm_agent.environments.host import HostExecutor

REPOSITORY = Path(__file__).parents[3]
SHARED_MODELS = REPOSITORY.parent / "shared" / "data" / "models"


@dataclass
class Bench:
    """Prepares and launches jobs as an attempt does."""

    executor: HostExecutor
    folder: Path
    events: list[RunnerEvent] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)
    on_event: Callable[[RunnerEvent], None] = lambda event: None
    process_groups: list[int] = field(default_factory=list)

    def spec(
        self,
        runtime: str,
        model: Path | None = None,
        *,
        golden: Path | None = None,
        requirement: str = "",
        precision: str = "float32",
        threads: int = 1,
        batch: int = 1,
        min_duration_s: float = 0.05,
        min_count: int = 5,
        max_warmup_s: float = 0.05,
        seed: int = 1,
        memory_bytes: int = 0,
        **options: Any,
    ) -> job_pb2.JobSpec:
        spec = job_pb2.JobSpec(
            job_id="job",
            config=job_pb2.Config(
                runtime=runtime,
                requirement=requirement,
                precision=precision,
                threads=threads,
                batch=batch,
                options={name: json.dumps(value) for name, value in options.items()},
            ),
            scenario=job_pb2.Scenario(
                kind=job_pb2.SCENARIO_KIND_SINGLE_STREAM,
                min_duration_s=min_duration_s,
                min_count=min_count,
                max_duration_s=60,
                max_count=1_000_000,
                max_warmup_s=max_warmup_s,
                seed=seed,
            ),
            limits=job_pb2.Limits(memory_bytes=memory_bytes),
        )
        if model is not None:
            spec.model.CopyFrom(
                job_pb2.Model(
                    name=model.stem,
                    format=model.suffix[1:],
                    precision=precision,
                    artifact=job_pb2.ArtifactRef(name=str(model)),
                )
            )
        if golden is not None:
            spec.model.golden.name = str(golden)
        return spec

    def run(self, spec: job_pb2.JobSpec, *, verify: bool = True) -> LaunchResult:
        job = self.executor.prepare(spec, lambda artifact: Path(artifact.name), lambda note: None, self.cancel)
        work_dir = self.folder / f"launch-{len(list(self.folder.iterdir()))}"
        work_dir.mkdir()
        request = LaunchRequest(job, 0, verify, work_dir, self.process_groups.append)
        return self.executor.launch(request, self._heard, self.cancel)

    def _heard(self, event: RunnerEvent) -> None:
        self.events.append(event)
        self.on_event(event)

    @property
    def phases(self) -> list[str]:
        """Each phase once, in the order it was entered."""
        return list(dict.fromkeys(event.phase for event in self.events))


@pytest.fixture(scope="session")
def executor(tmp_path_factory: pytest.TempPathFactory) -> HostExecutor:
    return HostExecutor(tmp_path_factory.mktemp("agent"))


@pytest.fixture
def bench(executor: HostExecutor, tmp_path: Path) -> Bench:
    return Bench(executor, tmp_path)


@pytest.fixture
def models() -> Path:
    """The models of this repository."""
    return REPOSITORY / "models"


@pytest.fixture
def shared_models() -> Path:
    """Models of others, which lie outside of this repository."""
    if not SHARED_MODELS.is_dir():
        pytest.skip("the folder ../shared/data/models is not there")
    return SHARED_MODELS
