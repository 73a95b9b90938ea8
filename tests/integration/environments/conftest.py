"""An executor of this machine and jobs of the `command` runner, which need no environment."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from devicefarm.v1 import job_pb2
from farm_agent.boards.base import LaunchRequest, LaunchResult, RunnerEvent
from farm_agent.environments.host import HostExecutor

RunCommand = Callable[..., LaunchResult]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def executor(state_dir: Path) -> HostExecutor:
    return HostExecutor(state_dir)


@pytest.fixture
def run_command(executor: HostExecutor, tmp_path: Path) -> RunCommand:
    """Run a command as a job; more of the config may be given."""

    def run(
        *command: str,
        memory_bytes: int = 0,
        model: Path | None = None,
        threads: int = 1,
        batch: int = 1,
        on_event: Callable[[RunnerEvent], None] = lambda event: None,
        cancel: threading.Event | None = None,
    ) -> LaunchResult:
        spec = job_pb2.JobSpec(
            config=job_pb2.Config(
                runtime="command", threads=threads, batch=batch, options={"command": json.dumps(command)}
            ),
            scenario=job_pb2.Scenario(kind=job_pb2.SCENARIO_KIND_SINGLE_STREAM, min_duration_s=2.5, min_count=64),
            limits=job_pb2.Limits(memory_bytes=memory_bytes),
        )
        if model is not None:
            spec.model.artifact.name = str(model)
        cancel = cancel or threading.Event()
        job = executor.prepare(spec, lambda artifact: Path(artifact.name), lambda note: None, cancel)
        work_dir = tmp_path / "launch"
        work_dir.mkdir(exist_ok=True)
        return executor.launch(LaunchRequest(job, 0, True, work_dir), on_event, cancel)

    return run
