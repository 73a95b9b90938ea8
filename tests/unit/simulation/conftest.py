"""A job to be run on simulated boards, and a launch of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.v1 import job_pb2
from farm_agent.boards.base import Board, BoardOptions, Executor, LaunchRequest, LaunchResult, RunnerEvent
from farm_agent.boards.simulated import SimulatedBoard, parse_simulation

Launcher = Callable[..., LaunchResult]


@pytest.fixture
def spec() -> job_pb2.JobSpec:
    """A float32 ONNX model of 4 MB, single-stream, two seconds."""
    return job_pb2.JobSpec(
        job_id="job-1",
        model=job_pb2.Model(
            name="cnn",
            format="onnx",
            precision="float32",
            artifact=job_pb2.ArtifactRef(sha256="ab" * 32, size_bytes=4_000_000, name="cnn.onnx"),
            golden=job_pb2.ArtifactRef(sha256="cd" * 32, size_bytes=10_000, name="golden.npz"),
        ),
        config=job_pb2.Config(runtime="onnxruntime", precision="float32", threads=4, batch=1),
        scenario=job_pb2.Scenario(
            kind=job_pb2.SCENARIO_KIND_SINGLE_STREAM,
            min_duration_s=2.0,
            min_count=64,
            max_duration_s=60.0,
            max_count=1_000_000,
            max_warmup_s=5.0,
        ),
        limits=job_pb2.Limits(attempt_s=900.0),
        launches=1,
    )


@pytest.fixture
def board(tmp_path: Path) -> Callable[[str], SimulatedBoard]:
    """Open the simulated board that an argument describes."""
    return lambda argument: SimulatedBoard(parse_simulation(argument), BoardOptions(state_dir=tmp_path / "state"))


@pytest.fixture
def launch(tmp_path: Path) -> Launcher:
    """Prepare and launch a job once."""

    def run(
        on: Board | Executor,
        spec: job_pb2.JobSpec,
        *,
        index: int = 0,
        events: list[RunnerEvent] | None = None,
        cancel: threading.Event | None = None,
    ) -> LaunchResult:
        cancel = cancel or threading.Event()
        executor = on.executor if isinstance(on, Board) else on
        prepared = executor.prepare(spec, lambda ref: tmp_path / ref.name, lambda note: None, cancel)
        request = LaunchRequest(job=prepared, index=index, verify=True, work_dir=tmp_path)
        return executor.launch(request, (events if events is not None else []).append, cancel)

    return run
