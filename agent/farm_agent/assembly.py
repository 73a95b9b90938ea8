"""Putting an agent together: its boards, found by their kind, with this machine's sensors, knobs and executor.

Kinds of boards, sensors and knobs are entry points (groups `farm_agent.boards`, `.sensors`, `.knobs`), so that a new
one is a file and a line. One of them that cannot be loaded is left out with a line in the log; a kind of board that
was asked for and is not there is an error.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from farm_agent.boards.base import Board, BoardOptions
from farm_agent.errors import UsageError
from farm_agent.state_folder import StateFolder

__all__ = ["BoardRequest", "assemble"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoardRequest:
    """What the command line says of the boards. `kinds` are `KIND` or `KIND:ARGUMENT`."""

    kinds: Sequence[str] = ("linux",)
    board_id: str = ""
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def assemble(request: BoardRequest, state: StateFolder) -> dict[str, Board]:
    """The boards by their id. Raises `UsageError` for an unknown kind or two boards with one id."""
    from farm_agent.environments.host import HostExecutor

    known = _entry_points("farm_agent.boards")
    sensors = _discover("farm_agent.sensors")
    knobs = _discover("farm_agent.knobs")
    executor = HostExecutor(state.root)
    if request.board_id and len(request.kinds) > 1:
        raise UsageError("--board-id names one board, but several are asked for.", hint="Leave --board-id out.")
    boards: dict[str, Board] = {}
    for number, asked in enumerate(request.kinds, start=1):
        kind, _, argument = asked.partition(":")
        if kind not in known:
            raise UsageError(
                f"--board {asked}: there is no kind of board {kind!r}; there are {', '.join(sorted(known))}.",
                hint="A kind of its own comes with a package that has an entry point in the group farm_agent.boards.",
            )
        name = f"{request.name}-{number}" if request.name and len(request.kinds) > 1 else request.name
        board: Board = known[kind].load()(
            BoardOptions(
                argument=argument,
                board_id=request.board_id,
                name=name,
                tags=request.tags,
                sensors=sensors,
                knobs=knobs,
                executor=executor,
                state_dir=state.boards / _folder_name(asked),
            )
        )
        board_id = board.describe().board_id
        if board_id in boards:
            raise UsageError(
                f"--board {asked}: a board with the id {board_id} is served already.",
                hint="Ask for each board once; simulated ones differ in their argument, such as simulated:pi4?seed=2.",
            )
        boards[board_id] = board
    return boards


def _discover(group: str) -> list[Any]:
    """Everything that the modules of a group find on this machine."""
    found: list[Any] = []
    for name, entry_point in sorted(_entry_points(group).items()):
        try:
            found.extend(entry_point.load()(Path("/")))
        except Exception as error:  # It may be anybody's; the board is served without it.
            logger.warning("%s %s is left out: %s: %s", group, name, type(error).__name__, error)
    return found


def _entry_points(group: str) -> dict[str, metadata.EntryPoint]:
    if sys.version_info >= (3, 10):
        found = metadata.entry_points(group=group)
    else:
        found = metadata.entry_points().get(group, [])
    return {entry_point.name: entry_point for entry_point in found}


def _folder_name(asked: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in asked)
