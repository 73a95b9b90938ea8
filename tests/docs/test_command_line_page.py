"""docs/command-line.md tells every command, every option and every key of `--json`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import typer

from farm.cli.main import app
from farm.model.board import Board
from farm.model.job import Config, Job, JobSpec
from farm.model.live import FarmStatus
from farm.report.results import result_row
from farm.store.queries import AttemptEntry, AuditEntry, BoardEntry
from farm.sweeps.plan import Plan, PlannedAxis, PlannedBoard, PlannedJob, Unsupported

Pages = dict[str, str]

SHARED = {"--help", "--json"}
"""Told once for all, at the top."""


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for word, child in getattr(command, "commands", {}).items():
        yield f"{name} {word}", child
        yield from commands(child, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(app), "farm"))


def section(pages: Pages, name: str) -> str:
    """Of the command, or of the group that it is in."""
    group = " ".join(name.split()[:2])
    return pages["docs/command-line.md"].split(f"## {group}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_each_of_its_options_is_told(name: str, pages: Pages) -> None:
    text = section(pages, name)
    assert f"`{name}" in text
    if name == "farm agent":
        return
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")}
    assert {option for option in options - SHARED if option not in text} == set()


def test_no_other_command_is_told(pages: Pages) -> None:
    headings = re.findall(r"^## (farm .+)$", pages["docs/command-line.md"], re.MULTILINE)
    assert sorted(headings) == sorted(name for name in COMMANDS if name.count(" ") == 1)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("farm results", list(result_row(Job(JobSpec("j", "r", None, Config("litert")), ("b",)), None, {}))),
        ("farm jobs", [field.name for kind in (Job, JobSpec, AttemptEntry, AuditEntry) for field in fields(kind)]),
        ("farm boards", [field.name for kind in (BoardEntry, Board) for field in fields(kind)]),
        ("farm status", [field.name for field in fields(FarmStatus)]),
        (
            "farm submit",
            [
                field.name
                for kind in (Plan, PlannedAxis, PlannedBoard, PlannedJob, Unsupported)
                for field in fields(kind)
            ],
        ),
    ],
)
def test_each_key_of_the_json_is_told(name: str, keys: list[str], pages: Pages) -> None:
    told = set(re.findall(r"`(\w+)`", section(pages, name)))
    assert [key for key in keys if key not in told] == []
