"""How a command answers: a table for people, JSON for programs, plain lines in a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["JSON_OPTION", "print_json", "print_view", "say", "terminal_width"]

JSON_OPTION = typer.Option(False, "--json", help="Answer with JSON instead of a table.")

_PIPE_WIDTH = 2000


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on standard output; enums as their words, nothing else."""
    typer.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none and a line may be as long as it likes."""
    from rich.console import Console

    console = Console()
    return console.width if console.is_terminal else None


def print_view(view: RenderableType) -> None:
    """A table or a text on standard output; in a pipe without colours, cut lines or blanks at the ends."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(view)
        return
    plain = Console(width=_PIPE_WIDTH, file=sys.stdout)
    with plain.capture() as captured:
        plain.print(view)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def say(text: str) -> None:
    """What happens now, on standard error, so that standard output stays the answer."""
    typer.echo(text, err=True)


def _plain(value: object) -> object:
    import dataclasses
    import enum

    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
