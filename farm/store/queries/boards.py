"""Boards: all that were ever seen, with the three columns and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.store.queries.names import find_id
from farm.store.store import Store
from farm.store.tables import BOARD
from farm.store.values import board_from

__all__ = ["BoardEntry", "boards", "find_board"]


@dataclass(frozen=True)
class BoardEntry:
    """A board and where it stands. `changed_unix_s` is when any of it last changed."""

    board: Board
    state: BoardState
    health: BoardHealth
    health_evidence: str
    intent: BoardIntent
    intent_reason: str
    first_seen_unix_s: float
    changed_unix_s: float


def boards(store: Store) -> list[BoardEntry]:
    """Every board, by type and name."""
    query = select(BOARD).order_by(BOARD.c.board_type, BOARD.c.name, BOARD.c.board_id)
    with store.read() as connection:
        return [_entry(row) for row in connection.execute(query)]


def find_board(store: Store, name: str) -> BoardEntry:
    """The board of that id, or the only one whose id begins so. Raises `UnknownRunError`."""
    with store.read() as connection:
        board_id = find_id(connection, BOARD, BOARD.c.board_id, name, kind="board", hint="`farm boards` lists them.")
        return _entry(connection.execute(select(BOARD).where(BOARD.c.board_id == board_id)).one())


def _entry(row: Row[Any]) -> BoardEntry:
    return BoardEntry(
        board=board_from(row),
        state=BoardState(row.state),
        health=BoardHealth(row.health),
        health_evidence=row.health_evidence,
        intent=BoardIntent(row.intent),
        intent_reason=row.intent_reason,
        first_seen_unix_s=row.first_seen_unix_s,
        changed_unix_s=row.changed_unix_s,
    )
