"""A board as its agent sees it: who it is, what can be read and set on it, and how a runner is launched there.

A kind of board is one callable `open_board(options: BoardOptions) -> Board`, found by its entry point in the group
`farm_agent.boards`. Real hosts launch runners as subprocesses in their own environments; a simulated board answers
from its model of the physics. The attempt (farm_agent/attempt.py) does not know which.

Sensors and knobs come the same way, from the groups `farm_agent.sensors` and `farm_agent.knobs`, each a function
`discover(root: Path) -> Sequence[...]` that looks at the machine and offers what is really there. Boards, sensors and
knobs never import each other's kinds: whoever starts the agent finds them all and hands them over as `BoardOptions`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from devicefarm.v1 import board_pb2, job_pb2
from farm_agent.clock import Clock
from farm_agent.knobs.base import Knob
from farm_agent.sensors.base import Sensor

__all__ = ["Board", "BoardOptions", "Executor", "LaunchRequest", "LaunchResult", "PreparedJob", "RunnerEvent"]


@dataclass(frozen=True)
class PreparedJob:
    """What `prepare` made: a job that is ready to be launched any number of times."""

    spec: job_pb2.JobSpec
    model_path: Path | None
    golden_path: Path | None
    environment: str
    """Digest of the environment's lock; empty where there is none."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Wheel versions and the like, for the context."""
    handle: object = None
    """The executor's own; nobody else looks inside."""


@dataclass(frozen=True)
class LaunchRequest:
    """One launch of a prepared job."""

    job: PreparedJob
    index: int
    verify: bool
    """Compare the outputs with the golden set, or at least digest them, after measuring."""
    work_dir: Path
    """Empty folder of this launch, removed in `cleanup`."""
    on_process: Callable[[int], None] = lambda process_group: None
    """Told the id of the runner's process group (its leader's pid) as soon as there is one, so that what is left of it
    can be ended also after the agent was killed."""


@dataclass(frozen=True)
class RunnerEvent:
    """What the runner is doing now: the phase it entered, or how far it is."""

    phase: str
    """`load`, `warmup`, `measure` or `verify`."""
    fraction: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class LaunchResult:
    """What a launch left. Times in seconds; latencies in nanoseconds, one per inference of a whole batch.

    A launch that failed raises `AttemptError` instead, with whose fault it is and the tail of the log.
    """

    load_s: float
    first_inference_s: float
    warmup_count: int
    warmup_s: float
    measure_started: float
    """On the board's clock (`Clock.monotonic`)."""
    measure_s: float
    latency_ns: bytes
    """As `devicefarm.columns.INTEGERS`."""
    count: int
    peak_rss_bytes: int
    conversion_s: float
    overhead_s: float
    runtime_facts: Mapping[str, str]
    matches: bool | None = None
    max_abs_error: float = 0.0
    top1_agreement: float | None = None
    verification_detail: str = ""
    output_sha256: str = ""
    log_tail: str = ""


class Executor(ABC):
    """How jobs are prepared and launched on a board."""

    @abstractmethod
    def offers(self) -> Sequence[board_pb2.RuntimeOffer]:
        """The runtimes that could run here, and why the others cannot."""

    @abstractmethod
    def prepare(
        self,
        spec: job_pb2.JobSpec,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> PreparedJob:
        """Get the model and the environment. Raises `AttemptError`; returns early with one when `cancel` is set."""

    @abstractmethod
    def launch(
        self, request: LaunchRequest, on_event: Callable[[RunnerEvent], None], cancel: threading.Event
    ) -> LaunchResult:
        """Run one launch to its end, however it ends: a crash, a hang, an allocation that failed, a cancel."""

    def isolation(self) -> str:
        """How far a runner is kept apart, in a word: `rlimits`, `bubblewrap`, `none`."""
        return "none"


@dataclass(frozen=True)
class BoardOptions:
    """What a kind of board is opened with.

    `farm-agent --board simulated:pi4?seed=1` finds the kind `simulated` and hands it the argument `pi4?seed=1`.
    """

    argument: str = ""
    """What stands after the colon of `--board`; each kind says what it understands."""
    board_id: str = ""
    """Asked for by the operator; empty: detect a stable one."""
    name: str = ""
    """What people call it; empty: the host name."""
    tags: Mapping[str, str] = field(default_factory=dict)
    sensors: Sequence[Sensor] = ()
    """Discovered on this machine; a board whose physics are a model brings its own instead."""
    knobs: Sequence[Knob] = ()
    executor: Executor | None = None
    """How runners are launched on this machine; None for a board that brings its own."""
    root: Path = field(default_factory=lambda: Path("/"))
    """The file system that is looked at: the machine's own, or a small tree in a test."""
    state_dir: Path | None = None
    """Where a board may keep what must outlive its agent; None: nothing is kept."""


class Board(ABC):
    """One physical unit, or a model of one."""

    @property
    @abstractmethod
    def clock(self) -> Clock:
        """The board's own time: the real one, or a simulated board's virtual one."""

    @abstractmethod
    def describe(self) -> board_pb2.Board:
        """Who it is: detected anew at each call, the id always the same."""

    @abstractmethod
    def sensors(self) -> Sequence[Sensor]: ...

    @abstractmethod
    def knobs(self) -> Mapping[str, Knob]: ...

    @property
    @abstractmethod
    def executor(self) -> Executor: ...

    def context(self) -> dict[str, str]:
        """Everything about the board that could explain a different number, flat and sorted by meaning."""
        return {}

    def temperature_c(self) -> float | None:
        """What the gate judges by: the hottest part that matters; None is unknown, never cool."""
        return None

    def close(self) -> None:  # noqa: B027  # most have nothing open
        """Let go of open files. A board is not used after it."""
