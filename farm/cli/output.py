"""How a command answers: a table for people, JSON for programs, lines in a pipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["JSON_OPTION", "console", "print_json", "say"]

JSON_OPTION = typer.Option(False, "--json", help="Answer with JSON instead of a table.")


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on standard output; enums as their words, nothing else."""
    typer.echo(json.dumps(value, indent=2, default=_plain))


def console() -> Console:
    """Standard output for tables; as wide as a table needs when it goes into a pipe."""
    from rich.console import Console

    probe = Console()
    return probe if probe.is_terminal else Console(width=200, soft_wrap=False)


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
