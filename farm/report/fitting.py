"""A table that fits: on a narrow terminal less important columns go, the rest stays readable, and it says what went.

Each column has a rank: those of rank 0 stay, of the others the highest goes first; one that has the same value in every
line goes before all of them, and is told once below the table instead. A column of prose may be cut at the edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farm.report.quantities import UNKNOWN

__all__ = ["Column", "fitted"]

_GAP = 2
_PROSE_AT_LEAST = 12
_CONSTANT_RANK = 100


@dataclass(frozen=True)
class Column:
    """One column. `short` are its cells and its head where room is scarce; `rank` says how soon it goes.

    One in which nothing is known is left out, and `why_unknown` said below the table.
    """

    head: str
    cells: tuple[Text | str, ...]
    rank: int = 0
    right: bool = False
    short_head: str = ""
    short: tuple[Text | str, ...] = ()
    style: str = ""
    prose: bool = False
    """Its end may be missing; only for the last one."""
    why_unknown: str = "cannot be read there"

    @property
    def width(self) -> int:
        return max((_width(cell) for cell in (self.head, *self.cells)), default=0)

    @property
    def constant(self) -> str:
        """Its only value, where there are several lines and one value in all of them."""
        values = {_plain(cell) for cell in self.cells}
        return next(iter(values)) if len(values) == 1 and len(self.cells) > 1 else ""

    @property
    def is_unknown(self) -> bool:
        return bool(self.cells) and {_plain(cell) for cell in self.cells} <= {"", UNKNOWN}

    def shortened(self) -> Column:
        return replace(self, head=self.short_head or self.head, cells=self.short or self.cells)


def fitted(columns: Sequence[Column], width: int | None, *, elsewhere: str = "--json") -> RenderableType:
    """The columns as a table of at most `width` characters (None: as wide as it likes), and what was left out."""
    shown = [column for column in columns if not column.is_unknown]
    unknown: dict[str, list[str]] = {}
    for column in columns:
        if column.is_unknown and any(map(_plain, column.cells)):
            unknown.setdefault(column.why_unknown, []).append(column.head)
    same: list[str] = []
    gone: list[str] = []
    if width is not None:
        if _total(shown) > width:
            shown = [column.shortened() for column in shown]
        while _total(shown) > width and (least := _least(shown)) is not None:
            shown.remove(least)
            if least.constant:
                same.append(f"{least.head} {least.constant}")
            else:
                gone.append(least.head)
    notes = []
    if same:
        notes.append(f"everywhere: {', '.join(same)}")
    if gone:
        notes.append(f"no room for {', '.join(_in_order(gone, columns))}: widen the terminal, or {elsewhere}")
    notes += [f"{why}: {', '.join(heads)}" for why, heads in unknown.items()]
    table = _table(shown, width)
    return Group(table, *(Text(note, style="dim") for note in notes)) if notes else table


def _table(columns: Sequence[Column], width: int | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    fits = width is None or _total(columns) <= width
    for column in columns:
        room = None
        if column.prose and width is not None:
            room = max(_PROSE_AT_LEAST, width - sum(other.width + _GAP for other in columns if other is not column))
        table.add_column(
            column.head,
            justify="right" if column.right else "left",
            # Where even what must stay is too wide, words are wrapped; numbers never are.
            no_wrap=fits or column.right or column.prose,
            overflow="ellipsis" if column.prose else "fold",
            max_width=room,
            style=column.style,
        )
    for row in zip(*(column.cells for column in columns)):
        table.add_row(*row)
    return table


def _least(columns: Sequence[Column]) -> Column | None:
    """The one to go next; None when all that are left must stay."""

    def rank(column: Column) -> int:
        return column.rank + (_CONSTANT_RANK if column.constant and column.rank else 0)

    candidate = max(columns, key=rank, default=None)
    return candidate if candidate is not None and candidate.rank > 0 else None


def _total(columns: Sequence[Column]) -> int:
    widths = [min(column.width, _PROSE_AT_LEAST) if column.prose else column.width for column in columns]
    return sum(widths) + _GAP * (len(widths) - 1)


def _in_order(heads: Sequence[str], columns: Sequence[Column]) -> list[str]:
    return [column.head for column in columns if column.head in heads]


def _width(cell: Text | str) -> int:
    return cell.cell_len if isinstance(cell, Text) else Text(cell).cell_len


def _plain(cell: Text | str) -> str:
    return cell.plain if isinstance(cell, Text) else cell
