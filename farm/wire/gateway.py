"""gateway.proto: what an agent says and what it is told, as values.

An event of an agent becomes one of the `Agent…` values, and a directive is built from model values: the gateway
itself handles no message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from devicefarm.v1 import attempt_pb2, gateway_pb2, job_pb2
from farm.errors import WireError
from farm.model.attempt import Lease, Phase
from farm.model.board import Board
from farm.model.job import JobSpec
from farm.wire.attempt import from_phase
from farm.wire.board import from_board
from farm.wire.checks import name, text
from farm.wire.job import from_lease, to_job_spec, to_lease

__all__ = [
    "PROTOCOL",
    "REFUSED_BAD_HELLO",
    "REFUSED_IDENTITY_IN_USE",
    "REFUSED_PROTOCOL",
    "AgentBoardUpdate",
    "AgentDraining",
    "AgentEvent",
    "AgentHeartbeat",
    "AgentHello",
    "AgentPhase",
    "AgentProgress",
    "AgentReady",
    "AgentRecord",
    "from_event",
    "from_hello",
    "lease_of_record",
    "to_ack",
    "to_assign",
    "to_cancel",
    "to_refused",
    "to_welcome",
]

PROTOCOL = 1
"""Raised when a peer of the other version could not be understood."""


@dataclass(frozen=True)
class AgentHello:
    protocol: int
    agent_id: str
    instance: str
    agent_version: str
    boards: tuple[Board, ...]
    running: tuple[Lease, ...]
    spooled: tuple[Lease, ...]


@dataclass(frozen=True)
class AgentHeartbeat:
    running: tuple[Lease, ...]


@dataclass(frozen=True)
class AgentReady:
    board_id: str


@dataclass(frozen=True)
class AgentPhase:
    lease: Lease
    phase: Phase
    note: str


@dataclass(frozen=True)
class AgentProgress:
    lease: Lease
    fraction: float
    note: str


@dataclass(frozen=True)
class AgentRecord:
    """Still a message: what a record holds may be large and is converted where that blocks nobody."""

    message: attempt_pb2.AttemptRecord


@dataclass(frozen=True)
class AgentDraining:
    reason: str


@dataclass(frozen=True)
class AgentBoardUpdate:
    board: Board
    gone: bool


AgentEvent = Union[
    AgentHello,
    AgentHeartbeat,
    AgentReady,
    AgentPhase,
    AgentProgress,
    AgentRecord,
    AgentDraining,
    AgentBoardUpdate,
]

REFUSED_IDENTITY_IN_USE = gateway_pb2.Refused.REASON_IDENTITY_IN_USE
REFUSED_PROTOCOL = gateway_pb2.Refused.REASON_PROTOCOL
REFUSED_BAD_HELLO = gateway_pb2.Refused.REASON_BAD_HELLO


def from_event(message: gateway_pb2.AgentEvent, agent_id: str) -> AgentEvent:
    """Raises `WireError`."""
    kind = message.WhichOneof("event")
    if kind == "record":
        return AgentRecord(message.record)
    if kind == "ready":
        return AgentReady(name(message.ready.board_id, "ready.board_id"))
    if kind == "heartbeat":
        return AgentHeartbeat(_leases(message.heartbeat.running, "heartbeat.running"))
    if kind == "progress":
        progress = message.progress
        # An estimate: what is out of range is bent, not refused. (NaN compares false and becomes 0.)
        fraction = progress.fraction if 0.0 <= progress.fraction <= 1.0 else float(progress.fraction > 1.0)
        return AgentProgress(from_lease(progress.lease, "progress.lease"), fraction, text(progress.note))
    if kind == "phase_changed":
        change = message.phase_changed
        return AgentPhase(
            from_lease(change.lease, "phase_changed.lease"),
            from_phase(change.phase, "phase_changed.phase"),
            text(change.note),
        )
    if kind == "draining":
        return AgentDraining(text(message.draining.reason))
    if kind == "board_update":
        update = message.board_update
        return AgentBoardUpdate(from_board(update.board, agent_id=agent_id, field="board_update.board"), update.gone)
    if kind == "hello":
        return from_hello(message.hello)
    # A newer agent of the same protocol may say what is not known here.
    raise WireError("an event is empty, or of a kind that this coordinator does not know.")


def from_hello(message: gateway_pb2.Hello) -> AgentHello:
    """Raises `WireError`."""
    agent_id = name(message.agent_id, "hello.agent_id")
    boards = tuple(from_board(board, agent_id=agent_id, field="hello.boards") for board in message.boards)
    if len({board.board_id for board in boards}) != len(boards):
        raise WireError("hello.boards names a board twice.")
    return AgentHello(
        protocol=message.protocol,
        agent_id=agent_id,
        instance=name(message.instance, "hello.instance"),
        agent_version=text(message.agent_version),
        boards=boards,
        running=_leases(message.running, "hello.running"),
        spooled=_leases(message.spooled, "hello.spooled"),
    )


def lease_of_record(message: attempt_pb2.AttemptRecord) -> tuple[Lease, str]:
    """The lease and the board of a record, whatever else is wrong with it; raises `WireError`."""
    lease = from_lease(job_pb2.LeaseRef(job_id=message.job_id, fence=message.fence), "record")
    return lease, name(message.board_id, "record.board_id")


def to_welcome(coordinator_id: str, epoch: int, heartbeat_s: float, lease_s: float) -> gateway_pb2.Directive:
    return gateway_pb2.Directive(
        welcome=gateway_pb2.Welcome(
            coordinator_id=coordinator_id, epoch=epoch, heartbeat_s=heartbeat_s, lease_s=lease_s
        )
    )


def to_refused(reason: gateway_pb2.Refused.Reason, message: str) -> gateway_pb2.Directive:
    return gateway_pb2.Directive(refused=gateway_pb2.Refused(reason=reason, message=message))


def to_assign(board_id: str, lease: Lease, attempt: int, spec: JobSpec) -> gateway_pb2.Directive:
    return gateway_pb2.Directive(
        assign=gateway_pb2.Assign(board_id=board_id, fence=lease.fence, attempt=attempt, job=to_job_spec(spec))
    )


def to_cancel(lease: Lease, reason: str) -> gateway_pb2.Directive:
    return gateway_pb2.Directive(cancel=gateway_pb2.CancelAttempt(lease=to_lease(lease), reason=reason))


def to_ack(lease: Lease, *, recorded: bool, duplicate: bool) -> gateway_pb2.Directive:
    if duplicate:
        disposition = gateway_pb2.Ack.DISPOSITION_DUPLICATE
    elif recorded:
        disposition = gateway_pb2.Ack.DISPOSITION_RECORDED
    else:
        disposition = gateway_pb2.Ack.DISPOSITION_STALE
    return gateway_pb2.Directive(ack=gateway_pb2.Ack(lease=to_lease(lease), disposition=disposition))


def _leases(messages: Sequence[job_pb2.LeaseRef], field: str) -> tuple[Lease, ...]:
    return tuple([from_lease(message, field) for message in messages]) if messages else ()
