"""Boards as a table: the three columns, and what each works on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.report.fitting import Column, fitted
from farm.report.marking import marked
from farm.report.quantities import size

__all__ = ["boards_table"]

_STATE_STYLES = {
    BoardState.IDLE: "green",
    BoardState.BUSY: "cyan",
    BoardState.REBOOTING: "yellow",
    BoardState.OFFLINE: "dim",
}


def boards_table(
    rows: Iterable[tuple[Board, BoardState, BoardHealth, BoardIntent, str]], width: int | None = None, *, last: str
) -> RenderableType:
    """One line per board; `last` is the head of the last value of each row: what it works on, or why it is ill."""
    listed = list(rows)
    boards = [board for board, *_ in listed]
    columns = [
        Column("board", tuple(marked(board.name, board.provenance) for board in boards)),
        Column("type", tuple(board.board_type for board in boards), 4),
        Column("state", tuple(Text(state.value, style=_STATE_STYLES[state]) for _, state, *_ in listed)),
        Column("health", tuple(_health(health) for _, _, health, *_ in listed)),
        Column("intent", tuple(_intent(intent) for *_, intent, _ in listed)),
        Column("cpus", tuple(str(board.facts.cpu_count or "-") for board in boards), 6, right=True),
        Column("memory", tuple(size(board.facts.memory_bytes) for board in boards), 5, right=True),
        Column("runtimes", tuple(_runtimes(board) for board in boards), 3),
        Column("id", tuple(board.board_id for board in boards), 2),
        Column(last, tuple(text for *_, text in listed), prose=True),
    ]
    return fitted(columns, width, elsewhere="`farm boards --json`")


def _health(health: BoardHealth) -> Text:
    return Text(health.value, style="red" if health is BoardHealth.QUARANTINED else "")


def _intent(intent: BoardIntent) -> Text:
    return Text(intent.value, style="" if intent is BoardIntent.ENABLED else "yellow")


def _runtimes(board: Board) -> str:
    return " ".join(offer.runtime for offer in board.runtimes if not offer.unavailable_reason)
