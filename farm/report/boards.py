"""Boards as a table: the three columns, and what each works on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from farm.model.board import Board, BoardHealth, BoardIntent, BoardState, Provenance
from farm.report.quantities import size

__all__ = ["boards_table"]

_STATE_STYLES = {
    BoardState.IDLE: "green",
    BoardState.BUSY: "cyan",
    BoardState.REBOOTING: "yellow",
    BoardState.OFFLINE: "dim",
}


def boards_table(rows: Iterable[tuple[Board, BoardState, BoardHealth, BoardIntent, str]]) -> Table:
    """One line per board; the last of each row says what it works on, or nothing."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("board", "type", "state", "health", "intent", "cpus", "memory", "runtimes", "id", "works on"):
        table.add_column(head, justify="right" if head in ("cpus", "memory") else "left", no_wrap=head != "runtimes")
    for board, state, health, intent, work in rows:
        facts = board.facts
        table.add_row(
            _name(board),
            board.board_type,
            Text(state.value, style=_STATE_STYLES[state]),
            Text(health.value, style="red" if health is BoardHealth.QUARANTINED else ""),
            Text(intent.value, style="" if intent is BoardIntent.ENABLED else "yellow"),
            str(facts.cpu_count or "-"),
            size(facts.memory_bytes),
            " ".join(offer.runtime for offer in board.runtimes if not offer.unavailable_reason),
            board.board_id,
            work,
        )
    return table


def _name(board: Board) -> Text:
    """Simulated and emulated boards are marked wherever they are named."""
    if board.provenance is Provenance.HARDWARE:
        return Text(board.name)
    return Text.assemble(board.name, (f" ({board.provenance.value})", "magenta"))
