"""board.proto: boards, what was detected of them, and what could run there."""

from __future__ import annotations

from devicefarm.v1 import board_pb2
from farm.errors import WireError
from farm.model.board import Board, BoardFacts, Provenance, RuntimeOffer
from farm.wire.checks import mapping, name, small, text, whole

__all__ = ["from_board", "to_board"]

_PROVENANCE = {
    Provenance.HARDWARE: board_pb2.PROVENANCE_HARDWARE,
    Provenance.SIMULATED: board_pb2.PROVENANCE_SIMULATED,
    Provenance.EMULATED: board_pb2.PROVENANCE_EMULATED,
}
_PROVENANCE_BACK = {number: value for value, number in _PROVENANCE.items()}


def to_board(board: Board) -> board_pb2.Board:
    """`agent_id` stays behind: on the wire it is said once for all boards of an agent."""
    return board_pb2.Board(
        board_id=board.board_id,
        board_type=board.board_type,
        name=board.name,
        provenance=_PROVENANCE[board.provenance],
        facts=_to_facts(board.facts),
        tags=board.tags,
        runtimes=[
            board_pb2.RuntimeOffer(
                runtime=offer.runtime, formats=offer.formats, unavailable_reason=offer.unavailable_reason
            )
            for offer in board.runtimes
        ],
        knobs=board.knobs,
        sensors=board.sensors,
    )


def from_board(message: board_pb2.Board, *, agent_id: str = "", field: str = "board") -> Board:
    """Raises `WireError`. A board without a name is called by its id."""
    board_id = name(message.board_id, f"{field}.board_id")
    provenance = _PROVENANCE_BACK.get(message.provenance)
    if provenance is None:
        raise WireError(f"{field}.provenance is {message.provenance}; hardware, simulated or emulated was expected.")
    return Board(
        board_id=board_id,
        board_type=name(message.board_type, f"{field}.board_type"),
        name=text(message.name) or board_id,
        provenance=provenance,
        facts=_from_facts(message.facts, f"{field}.facts"),
        tags=mapping(message.tags),
        runtimes=tuple(
            RuntimeOffer(
                runtime=name(offer.runtime, f"{field}.runtimes.runtime"),
                formats=tuple(map(text, offer.formats)),
                unavailable_reason=text(offer.unavailable_reason),
            )
            for offer in message.runtimes
        ),
        knobs=tuple(map(text, message.knobs)),
        sensors=tuple(map(text, message.sensors)),
        agent_id=agent_id,
    )


def _to_facts(facts: BoardFacts) -> board_pb2.BoardFacts:
    return board_pb2.BoardFacts(
        hostname=facts.hostname,
        architecture=facts.architecture,
        device_model=facts.device_model,
        cpu_model=facts.cpu_model,
        cpu_count=facts.cpu_count,
        cpu_features=facts.cpu_features,
        memory_bytes=facts.memory_bytes,
        kernel=facts.kernel,
        os=facts.os,
        libc=facts.libc,
        python=facts.python,
        usb_devices=facts.usb_devices,
        boot_id=facts.boot_id,
        extra=facts.extra,
    )


def _from_facts(message: board_pb2.BoardFacts, field: str) -> BoardFacts:
    return BoardFacts(
        hostname=text(message.hostname),
        architecture=text(message.architecture),
        device_model=text(message.device_model),
        cpu_model=text(message.cpu_model),
        cpu_count=small(message.cpu_count, f"{field}.cpu_count"),
        cpu_features=tuple(map(text, message.cpu_features)),
        memory_bytes=whole(message.memory_bytes, f"{field}.memory_bytes"),
        kernel=text(message.kernel),
        os=text(message.os),
        libc=text(message.libc),
        python=text(message.python),
        usb_devices=tuple(map(text, message.usb_devices)),
        boot_id=text(message.boot_id),
        extra=mapping(message.extra),
    )
