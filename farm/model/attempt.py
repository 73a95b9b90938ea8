"""What an attempt goes through and what it leaves behind.

An attempt is one try of a job on one board. It walks through the phases in order, ends in exactly one outcome, and
leaves a record: its launches with raw latencies, telemetry, the context before and after, and the end of its log.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "AttemptRecord",
    "Column",
    "ErrorKind",
    "Launch",
    "Lease",
    "Outcome",
    "Phase",
    "PhaseSpan",
    "SensorSeries",
    "Telemetry",
    "ThrottleEvent",
    "Verification",
]


class Phase(enum.Enum):
    """What an attempt is doing. The last two always run, also after a crash of the agent."""

    PREPARE = "prepare"
    APPLY = "apply"
    COOL = "cool"
    LOAD = "load"
    WARMUP = "warmup"
    MEASURE = "measure"
    VERIFY = "verify"
    RESTORE = "restore"
    CLEANUP = "cleanup"


class Outcome(enum.Enum):
    """How a job or an attempt ended."""

    PASSED = "passed"
    FAILED = "failed"
    """It ran and is wrong: the job's own fault."""
    UNSUPPORTED = "unsupported"
    """It cannot run there; decided before board time where possible."""
    ERROR = "error"
    """It could not be carried out: the board's, the agent's, the infrastructure's or the farm's fault."""
    CANCELLED = "cancelled"
    LOST = "lost"
    """The board went away and the attempts are used up."""


class ErrorKind(enum.Enum):
    """Whose fault a failed attempt is, and so who must act."""

    JOB = "job"
    BOARD = "board"
    INFRASTRUCTURE = "infrastructure"
    AGENT = "agent"
    FARM = "farm"


@dataclass(frozen=True)
class Lease:
    """The exclusive right of one attempt to one board; only the holder of the newest fence may record."""

    job_id: str
    fence: int


@dataclass(frozen=True)
class Column:
    """A column of numbers as bytes; `devicefarm.columns` says how the codecs work."""

    codec: str
    count: int
    content: bytes


@dataclass(frozen=True)
class PhaseSpan:
    """When a phase began and ended, in seconds since the attempt began."""

    phase: Phase
    start_s: float
    end_s: float
    note: str = ""


@dataclass(frozen=True)
class Launch:
    """One launch of the runner: load, warm-up, measurement."""

    index: int
    load_s: float
    first_inference_s: float
    warmup_count: int
    warmup_s: float
    measure_start_s: float
    measure_s: float
    latency_ns: Column
    peak_rss_bytes: int
    conversion_s: float
    overhead_s: float
    runtime_facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SensorSeries:
    """The readings of one sensor beside an attempt."""

    sensor: str
    unit: str
    source: str
    at_ns: Column
    values: Column


@dataclass(frozen=True)
class ThrottleEvent:
    """An interval in which the board ran below the clock that was asked for, with the board's own reason."""

    start_s: float
    end_s: float
    reason: str
    sensor: str


@dataclass(frozen=True)
class Telemetry:
    series: tuple[SensorSeries, ...] = ()
    throttle_events: tuple[ThrottleEvent, ...] = ()


@dataclass(frozen=True)
class Verification:
    """The comparison of the outputs with the golden set; `matches` is None where there was nothing to compare with."""

    matches: bool | None = None
    max_abs_error: float = 0.0
    top1_agreement: float | None = None
    detail: str = ""
    output_sha256: str = ""


@dataclass(frozen=True)
class AttemptRecord:
    """What one attempt left behind; spooled on the board before it is sent."""

    lease: Lease
    board_id: str
    attempt: int
    outcome: Outcome
    error_kind: ErrorKind | None = None
    error: str = ""
    log_tail: str = ""
    phases: tuple[PhaseSpan, ...] = ()
    launches: tuple[Launch, ...] = ()
    telemetry: Telemetry = Telemetry()
    context_before: Mapping[str, str] = field(default_factory=dict)
    context_after: Mapping[str, str] = field(default_factory=dict)
    verification: Verification | None = None
    started_unix_s: float = 0.0
    duration_s: float = 0.0
    environment: str = ""
    isolation: str = ""
    knobs_read_back: Mapping[str, str] = field(default_factory=dict)
