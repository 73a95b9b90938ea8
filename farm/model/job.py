"""Jobs: one model x board selector x config x scenario, to be measured.

    queued ──claim──> leased ──record──> finished(outcome)
       ^                 │
       └──── requeue ────┘   lease ran out, board lost, or a fault that is not the job's

A job's id is the digest of what defines it within its run (`job_id`), so the same run submitted twice is one run.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from farm.model.attempt import Outcome
from farm.model.identity import digest

__all__ = [
    "ArtifactRef",
    "Config",
    "Gate",
    "Job",
    "JobSpec",
    "JobState",
    "Limits",
    "Model",
    "Run",
    "RunState",
    "Scenario",
    "ScenarioKind",
    "make_job_id",
]


@dataclass(frozen=True)
class ArtifactRef:
    """A file known by its content; `name` is for people and no part of its identity."""

    sha256: str
    size_bytes: int
    name: str = ""


@dataclass(frozen=True)
class Model:
    """One file of a model: a format and a precision of it."""

    name: str
    format: str
    precision: str
    artifact: ArtifactRef
    golden: ArtifactRef | None = None


@dataclass(frozen=True)
class Config:
    """One point of the sweep. Knob and option values are canonical JSON."""

    runtime: str
    requirement: str = ""
    precision: str = "float32"
    threads: int = 1
    batch: int = 1
    build: str = ""
    knobs: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, str | int | dict[str, str]]:
        """Every field, as it enters a job's identity."""
        return {
            "runtime": self.runtime,
            "requirement": self.requirement,
            "precision": self.precision,
            "threads": self.threads,
            "batch": self.batch,
            "build": self.build,
            "knobs": dict(self.knobs),
            "options": dict(self.options),
        }


class ScenarioKind(enum.Enum):
    """MLPerf LoadGen's scenarios, and our soak."""

    SINGLE_STREAM = "single-stream"
    MULTI_STREAM = "multi-stream"
    OFFLINE = "offline"
    SERVER = "server"
    SOAK = "soak"


@dataclass(frozen=True)
class Scenario:
    """How load is applied and for how long. Both minimums hold; either maximum ends it."""

    kind: ScenarioKind = ScenarioKind.SINGLE_STREAM
    min_duration_s: float = 10.0
    min_count: int = 64
    max_duration_s: float = 60.0
    max_count: int = 1_000_000
    max_warmup_s: float = 5.0
    seed: int = 0
    converge: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, str | int | float | dict[str, float]]:
        """Every field, as it enters a job's identity."""
        return {
            "kind": self.kind.value,
            "min_duration_s": self.min_duration_s,
            "min_count": self.min_count,
            "max_duration_s": self.max_duration_s,
            "max_count": self.max_count,
            "max_warmup_s": self.max_warmup_s,
            "seed": self.seed,
            "converge": dict(self.converge),
        }


@dataclass(frozen=True)
class Gate:
    """What must hold before the measurement starts; `start_below_c` of None is no limit."""

    start_below_c: float | None = None
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Limits:
    """What an attempt may take; `memory_bytes` of 0 is no limit."""

    attempt_s: float = 900.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class JobSpec:
    """What an agent needs to know to carry a job out. `model` is None only for a `command` that needs none."""

    job_id: str
    run_id: str
    model: Model | None
    config: Config
    scenario: Scenario = Scenario()
    gate: Gate = Gate()
    limits: Limits = Limits()
    launches: int = 3
    cooldown_s: float = 0.0
    repeat: int = 0


class JobState(enum.Enum):
    QUEUED = "queued"
    LEASED = "leased"
    FINISHED = "finished"


@dataclass(frozen=True)
class Job:
    """A job and where it stands.

    `board_ids` are the boards it may run on, decided when the run was expanded; `fence` counts its claims and only
    ever rises. `failed_boards` are those that a fault not of the job's own took it from: a job that fails on two
    boards is to blame itself.
    """

    spec: JobSpec
    board_ids: tuple[str, ...]
    priority: int = 0
    estimate_s: float = 0.0
    state: JobState = JobState.QUEUED
    outcome: Outcome | None = None
    fence: int = 0
    attempts: int = 0
    failed_boards: tuple[str, ...] = ()
    board_id: str = ""
    error: str = ""

    @property
    def job_id(self) -> str:
        return self.spec.job_id


class RunState(enum.Enum):
    OPEN = "open"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Run:
    """One submission of a sweep. `run_id` is made by whoever submits; `sweep_json` is the sweep's long form."""

    run_id: str
    name: str
    sweep_json: str
    submitted_by: str
    created_unix_s: float
    state: RunState = RunState.OPEN


def make_job_id(
    *,
    run_id: str,
    model_sha256: str,
    boards: tuple[str, ...],
    config: Config,
    scenario: Scenario,
    runner: str,
    repeat: int,
) -> str:
    """The job's identity: what defines its question within one run, 64 hexadecimal digits."""
    return digest(
        {
            "run": run_id,
            "model": model_sha256,
            "boards": sorted(boards),
            "config": config.as_json(),
            "scenario": scenario.as_json(),
            "runner": runner,
            "repeat": repeat,
        }
    )
