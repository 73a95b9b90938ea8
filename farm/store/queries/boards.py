"""Boards: all that were ever seen, with the three columns and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, literal, select

from farm.model.board import Board, BoardHealth, BoardIntent, BoardState
from farm.model.job import JobState
from farm.store.queries.names import find_id
from farm.store.store import Store
from farm.store.tables import BOARD, JOB
from farm.store.values import board_from

__all__ = ["BoardEntry", "boards", "find_board"]


@dataclass(frozen=True)
class BoardEntry:
    """A board and where it stands. `changed_unix_s` is when any of it last changed.

    `works_on` is the job that it has a lease for, empty where it has none: an attached board with one is `busy`.
    """

    board: Board
    state: BoardState
    health: BoardHealth
    health_evidence: str
    intent: BoardIntent
    intent_reason: str
    first_seen_unix_s: float
    changed_unix_s: float
    works_on: str = ""


def boards(store: Store) -> list[BoardEntry]:
    """Every board, by type and name."""
    query = select(BOARD).order_by(BOARD.c.board_type, BOARD.c.name, BOARD.c.board_id)
    with store.read() as connection:
        working = _working(connection)
        return [_entry(row, working) for row in connection.execute(query)]


def find_board(store: Store, name: str) -> BoardEntry:
    """The board of that id, or the only one whose id begins so. Raises `UnknownRunError`."""
    with store.read() as connection:
        board_id = find_id(connection, BOARD, BOARD.c.board_id, name, kind="board", hint="`farm boards` lists them.")
        return _entry(connection.execute(select(BOARD).where(BOARD.c.board_id == board_id)).one(), _working(connection))


def _working(connection: Connection) -> Mapping[str, str]:
    """Board id to the job that it has a lease for."""
    # Said twice so that the index of unfinished jobs is taken, however long the history.
    unfinished = JOB.c.state != literal(JobState.FINISHED.value, literal_execute=True)
    leased = select(JOB.c.board_id, JOB.c.job_id).where(unfinished, JOB.c.state == JobState.LEASED.value)
    return {row.board_id: row.job_id for row in connection.execute(leased)}


def _entry(row: Row[Any], working: Mapping[str, str]) -> BoardEntry:
    state = BoardState(row.state)
    return BoardEntry(
        board=board_from(row),
        # The claim says that it works; a row of its own for each job would be written twice as often as it is read.
        state=BoardState.BUSY if row.board_id in working and state is BoardState.IDLE else state,
        health=BoardHealth(row.health),
        health_evidence=row.health_evidence,
        intent=BoardIntent(row.intent),
        intent_reason=row.intent_reason,
        first_seen_unix_s=row.first_seen_unix_s,
        changed_unix_s=row.changed_unix_s,
        works_on=working.get(row.board_id, ""),
    )
