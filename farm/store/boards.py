"""Writes about boards: who attached, what each is doing, whether it is trusted, what its operator wants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Union

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from farm.model.board import BoardHealth, BoardIntent, BoardState
from farm.store.audit import AuditKind, AuditRow, AuditTrail
from farm.store.sanitise import is_storable, plain
from farm.store.tables import BOARD
from farm.store.values import Columns, board_columns
from farm.store.writes import BoardStateWrite, BoardWrite, HealthWrite, IntentWrite, WriteResult

__all__ = ["BoardRows", "BoardWrites", "board_id_of"]

BoardWrites = Union[BoardWrite, BoardStateWrite, HealthWrite, IntentWrite]

_ALONE = {BoardState.OFFLINE.value, BoardState.REBOOTING.value}
"""States that nothing else in the audit log tells of."""
_IDENTITY = ("board_type", "name", "provenance", "agent_id", "facts_json", "tags_json", "runtimes_json", "knobs_json",
             "sensors_json")  # fmt: skip


def board_id_of(write: BoardWrites) -> str:
    """The board that a write is about."""
    return write.board.board_id if isinstance(write, BoardWrite) else write.board_id


class BoardRows:
    """The boards that one transaction touches, as the writes so far left them."""

    def __init__(self, rows: Iterable[Columns], trail: AuditTrail) -> None:
        self._rows: dict[str, Columns] = {row["board_id"]: row for row in rows}
        self._changed: dict[str, Columns] = {}
        self._trail = trail
        self.audit: list[AuditRow] = []

    @classmethod
    def load(cls, connection: Connection, writes: Sequence[BoardWrites], trail: AuditTrail) -> BoardRows:
        """Read, and on PostgreSQL lock, the boards that the writes name."""
        board_ids = sorted({board_id_of(write) for write in writes if is_storable(board_id_of(write))})
        query = select(BOARD).where(BOARD.c.board_id.in_(board_ids)).order_by(BOARD.c.board_id).with_for_update()
        return cls((dict(row._mapping) for row in connection.execute(query)), trail)

    def apply(self, write: BoardWrites) -> WriteResult:
        """Carry one out in memory. A board that was never stored makes all but a `BoardWrite` stale."""
        row = self._rows.get(board_id_of(write))
        if isinstance(write, BoardWrite):
            return self._attach(row, write)
        if row is None:
            return WriteResult.STALE
        if isinstance(write, BoardStateWrite):
            self._set_state(row, write.state.value)
        elif isinstance(write, HealthWrite):
            reason = plain(write.evidence)
            self._set(row, AuditKind.HEALTH, "health", write.health.value, "health_evidence", reason)
        else:
            reason = plain(write.reason)
            self._set(row, AuditKind.INTENT, "intent", write.intent.value, "intent_reason", reason, write.actor)
        return WriteResult.ACCEPTED

    def flush(self, connection: Connection) -> None:
        """Write what changed."""
        if not self._changed:
            return
        dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(BOARD)
        # Two gateways may see a new board at once.
        upsert = insert.on_conflict_do_update(
            index_elements=[BOARD.c.board_id],
            set_={column.name: insert.excluded[column.name] for column in BOARD.c if not column.primary_key},
        )
        connection.execute(upsert, list(self._changed.values()))

    def _attach(self, row: Columns | None, write: BoardWrite) -> WriteResult:
        board_id = write.board.board_id
        if not is_storable(board_id):
            return WriteResult.STALE
        columns = board_columns(write.board, write.state)
        if row is None:
            row = {
                **columns,
                "health": BoardHealth.UNKNOWN.value,
                "health_evidence": "",
                "intent": BoardIntent.ENABLED.value,
                "intent_reason": "",
                "first_seen_unix_s": self._trail.at_unix_s,
                "changed_unix_s": self._trail.at_unix_s,
            }
            self._rows[board_id] = self._changed[board_id] = row
            self._note(AuditKind.BOARD_ADDED, board_id, f"{columns['board_type']}, {columns['provenance']}")
            return WriteResult.ACCEPTED
        different = [name for name in _IDENTITY if row[name] != columns[name]]
        if different:
            self._note(AuditKind.BOARD_CHANGED, board_id, ", ".join(name.removesuffix("_json") for name in different))
            self._touch(row, {name: columns[name] for name in different})
        self._set_state(row, write.state.value)
        return WriteResult.ACCEPTED

    def _set_state(self, row: Columns, state: str) -> None:
        was = row["state"]
        if was == state:
            return
        if _ALONE & {was, state}:
            self._note(AuditKind.BOARD_STATE, row["board_id"], f"{was} -> {state}")
        self._touch(row, {"state": state})

    def _set(
        self, row: Columns, kind: AuditKind, name: str, value: str, reason_name: str, reason: str, actor: str = ""
    ) -> None:
        if (row[name], row[reason_name]) == (value, reason):
            return
        self._note(kind, row["board_id"], f"{row[name]} -> {value}: {reason}", actor)
        self._touch(row, {name: value, reason_name: reason})

    def _touch(self, row: Columns, changes: Columns) -> None:
        row.update(changes, changed_unix_s=self._trail.at_unix_s)
        self._changed[row["board_id"]] = row

    def _note(self, kind: AuditKind, board_id: str, detail: str, actor: str = "") -> None:
        self.audit.append(self._trail.row(kind, board_id=board_id, detail=detail, actor=actor))
