"""What agents and the coordinator of the simulation say to each other; the directives are the core's own commands."""

from __future__ import annotations

from dataclasses import dataclass

from farm.model.attempt import ErrorKind, Lease, Outcome


@dataclass(frozen=True)
class Hello:
    running: tuple[Lease, ...]
    spooled: tuple[Lease, ...]


@dataclass(frozen=True)
class Beat:
    running: tuple[Lease, ...]


@dataclass(frozen=True)
class Ready:
    pass


@dataclass(frozen=True)
class Rebooting:
    lease: Lease


@dataclass(frozen=True)
class Record:
    """`execution` numbers every start of work in the world, so that two records are never mistaken for one."""

    lease: Lease
    board_id: str
    attempt: int
    execution: int
    outcome: Outcome
    error_kind: ErrorKind | None = None
    error: str = ""
