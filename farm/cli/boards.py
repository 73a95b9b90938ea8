"""`farm boards`: every board that was ever seen, and what its operator wants of it."""

from __future__ import annotations

from collections.abc import Callable

import typer

from farm.cli.completion import complete_board
from farm.cli.output import JSON_OPTION, print_json, print_view, say, terminal_width

__all__ = ["register"]

_REASON = typer.Option("", "--reason", help="Kept in the audit log.")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="List boards; enable, drain or disable one.", invoke_without_command=True)
    group.callback()(boards)
    for intent, told in (
        ("enabled", "Let a board take jobs again; ends a quarantine, on probation."),
        ("draining", "Let a board finish what it does and take nothing new."),
        ("disabled", "Take a board out of service."),
    ):
        group.command(_VERBS[intent], help=told)(_set(intent))
    app.add_typer(group, name="boards")


_VERBS = {"enabled": "enable", "draining": "drain", "disabled": "disable"}


def boards(context: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """The table, unless a verb follows."""
    if context.invoked_subcommand is not None:
        return
    from farm.cli.standing import reading
    from farm.coordinator.places import Places
    from farm.errors import UnknownRunError
    from farm.store.queries import boards as all_boards

    try:
        with reading(Places.from_environment()) as store:
            entries = all_boards(store)
    except UnknownRunError as nothing_yet:
        say(f"{nothing_yet.message} {nothing_yet.hint}")
        entries = []
    if as_json:
        print_json(entries)
        return
    if not entries:
        return
    from farm.report.boards import boards_table

    rows = [(e.board, e.state, e.health, e.intent, e.health_evidence or e.works_on[:12]) for e in entries]
    print_view(boards_table(rows, terminal_width(), last="because, or works on"))


def _set(intent: str) -> Callable[[str, str], None]:
    def command(
        board: str = typer.Argument(..., help="The board's id, or the beginning of it.", autocompletion=complete_board),
        reason: str = _REASON,
    ) -> None:
        import asyncio

        from farm.cli.standing import reading, standing_client
        from farm.coordinator.places import Places
        from farm.model.board import BoardIntent
        from farm.store.queries import find_board

        places = Places.from_environment()
        with reading(places) as store:
            found = find_board(store, board).board

        async def ask() -> None:
            async with standing_client(places) as client:
                await client.set_intent(found.board_id, BoardIntent(intent), reason)

        asyncio.run(ask())
        say(f"{found.name}: {intent}")

    return command
