"""A board on paper: its clock moves only when somebody waits, and its executor does what the test says."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import pytest

from devicefarm.columns import pack_integers
from devicefarm.v1 import board_pb2, gateway_pb2, job_pb2
from farm_agent.boards.base import Board, Executor, LaunchRequest, LaunchResult, PreparedJob, RunnerEvent
from farm_agent.clock import Clock, Repetition
from farm_agent.errors import KnobError
from farm_agent.knobs.base import Knob
from farm_agent.sensors.base import Sensor


class PaperClock(Clock):
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return self.now + 1e9

    def wait(self, seconds: float, cancel: threading.Event | None = None) -> bool:
        if cancel is not None and cancel.is_set():
            return True
        self.now += seconds
        return False

    def every(self, interval_s: float, act: Callable[[], None]) -> Repetition:
        return _Nothing()


class _Nothing(Repetition):
    def stop(self) -> None: ...


class PaperKnob(Knob):
    """Keeps its value; raises what it is told to."""

    def __init__(self, name: str, value: str, trail: list[str]) -> None:
        self.name = name
        self.value = value
        self.trail = trail
        self.refuses: KnobError | None = None
        self.is_stuck: Exception | None = None

    def read(self) -> str:
        return self.value

    def apply(self, value: str) -> None:
        self.trail.append(f"apply {self.name}={value}")
        self.value = value
        if self.refuses is not None:
            raise self.refuses

    def restore(self, before: str) -> None:
        self.trail.append(f"restore {self.name}={before}")
        if self.is_stuck is not None:
            raise self.is_stuck
        self.value = before


class PaperBoard(Board, Executor):
    """`on_prepare` and `on_launch` are called where the real work would be."""

    def __init__(self) -> None:
        self.paper_clock = PaperClock()
        self.trail: list[str] = []
        self.paper_knobs = {name: PaperKnob(name, f'"{name}-before"', self.trail) for name in ("fan", "governor")}
        self.temperatures: list[float | None] = []
        self.requests: list[LaunchRequest] = []
        self.on_prepare: Callable[[Callable[[Any], Path], Callable[[str], None], threading.Event], None] = (
            lambda fetch, note, cancel: None
        )
        self.on_launch: Callable[[LaunchRequest, Callable[[RunnerEvent], None], threading.Event], None] = (
            lambda request, on_event, cancel: None
        )
        self.matches: bool | None = True

    @property
    def clock(self) -> Clock:
        return self.paper_clock

    def describe(self) -> board_pb2.Board:
        return board_pb2.Board(board_id="paper", board_type="paper")

    def sensors(self) -> Sequence[Sensor]:
        return ()

    def knobs(self) -> Mapping[str, Knob]:
        return self.paper_knobs

    @property
    def executor(self) -> Executor:
        return self

    def context(self) -> dict[str, str]:
        return {"governor": self.paper_knobs["governor"].value}

    def temperature_c(self) -> float | None:
        return self.temperatures.pop(0) if len(self.temperatures) > 1 else (self.temperatures or [None])[0]

    def offers(self) -> Sequence[board_pb2.RuntimeOffer]:
        return ()

    def isolation(self) -> str:
        return "paper"

    def prepare(
        self,
        spec: job_pb2.JobSpec,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> PreparedJob:
        self.on_prepare(fetch, note, cancel)
        return PreparedJob(spec, None, None, "lock", {"wheel.paper": "1.0"})

    def launch(
        self, request: LaunchRequest, on_event: Callable[[RunnerEvent], None], cancel: threading.Event
    ) -> LaunchResult:
        assert request.work_dir.is_dir()
        self.requests.append(request)
        for phase in ("load", "warmup", "measure"):
            on_event(RunnerEvent(phase))
            self.paper_clock.now += 1.0
        self.on_launch(request, on_event, cancel)
        return LaunchResult(
            load_s=1.0,
            first_inference_s=0.5,
            warmup_count=3,
            warmup_s=1.0,
            measure_started=self.paper_clock.now - 1.0,
            measure_s=1.0,
            latency_ns=pack_integers([10, 11, 12]),
            count=3,
            peak_rss_bytes=1,
            conversion_s=0.0,
            overhead_s=0.0,
            runtime_facts={},
            matches=self.matches if request.verify else None,
            verification_detail="3 of 3 agree" if request.verify else "",
            log_tail=f"log of launch {request.index}",
        )


@pytest.fixture
def board() -> PaperBoard:
    return PaperBoard()


@pytest.fixture
def assign() -> gateway_pb2.Assign:
    return gateway_pb2.Assign(
        board_id="paper",
        fence=2,
        attempt=1,
        job=job_pb2.JobSpec(job_id="a-job", run_id="a-run", launches=1, limits=job_pb2.Limits(attempt_s=900.0)),
    )
