"""Boards: the devices under test.

State, health and intent are three columns, never one: what the board is doing, whether it can be trusted, and what
its operator wants of it change for different reasons and at different times.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Board", "BoardFacts", "BoardHealth", "BoardIntent", "BoardState", "Provenance", "RuntimeOffer"]


class Provenance(enum.Enum):
    """Where a board's numbers come from. Never mixed in one series."""

    HARDWARE = "hardware"
    SIMULATED = "simulated"
    EMULATED = "emulated"


class BoardState(enum.Enum):
    """What the board is doing."""

    OFFLINE = "offline"
    IDLE = "idle"
    BUSY = "busy"
    REBOOTING = "rebooting"


class BoardHealth(enum.Enum):
    """Whether its numbers can be trusted."""

    UNKNOWN = "unknown"
    GOOD = "good"
    QUARANTINED = "quarantined"


class BoardIntent(enum.Enum):
    """What its operator wants of it."""

    ENABLED = "enabled"
    DRAINING = "draining"
    DISABLED = "disabled"


@dataclass(frozen=True)
class RuntimeOffer:
    """A runtime that a board can run; `formats` is empty where any model format will do."""

    runtime: str
    formats: tuple[str, ...] = ()
    unavailable_reason: str = ""


@dataclass(frozen=True)
class BoardFacts:
    """What was detected; an empty string or a zero is unknown."""

    hostname: str = ""
    architecture: str = ""
    device_model: str = ""
    cpu_model: str = ""
    cpu_count: int = 0
    cpu_features: tuple[str, ...] = ()
    memory_bytes: int = 0
    kernel: str = ""
    os: str = ""
    libc: str = ""
    python: str = ""
    usb_devices: tuple[str, ...] = ()
    boot_id: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Board:
    """One physical unit with a stable identity."""

    board_id: str
    board_type: str
    name: str
    provenance: Provenance = Provenance.HARDWARE
    facts: BoardFacts = BoardFacts()
    tags: Mapping[str, str] = field(default_factory=dict)
    runtimes: tuple[RuntimeOffer, ...] = ()
    knobs: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    agent_id: str = ""
