"""What the shell offers when Tab is pressed: runs, jobs and boards out of the database, by the beginning of their ids.

`farm --install-completion` sets it up. A database that is not there or cannot be read offers nothing, without a word:
whatever is printed here would land in the middle of the line that is being typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.store.store import Store

__all__ = ["complete_board", "complete_run"]

_MOST = 50


def complete_run(incomplete: str) -> list[tuple[str, str]]:
    """Ids of runs, the newest first, each with how far it is."""
    return _offer(_runs, incomplete)


def complete_board(incomplete: str) -> list[tuple[str, str]]:
    """Ids of boards, each with its name."""
    return _offer(_boards, incomplete)


def _offer(ask: Callable[[Store], list[tuple[str, str]]], incomplete: str) -> list[tuple[str, str]]:
    from farm.cli.standing import reading
    from farm.coordinator.places import Places
    from farm.errors import FarmError

    try:
        with reading(Places.from_environment()) as store:
            return [(name, told) for name, told in ask(store) if name.startswith(incomplete)]
    except (FarmError, OSError):
        return []


def _runs(store: Store) -> list[tuple[str, str]]:
    from farm.store.queries import list_runs

    return [(run.run_id, f"{run.state.value}, {run.job_count} jobs") for run in list_runs(store, limit=_MOST)]


def _boards(store: Store) -> list[tuple[str, str]]:
    from farm.store.queries import boards

    return [(entry.board.board_id, f"{entry.board.name}, {entry.state.value}") for entry in boards(store)]
