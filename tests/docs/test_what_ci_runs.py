"""CI runs what the pages say, and the pages say what CI runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

Pages = dict[str, str]


def script(root: Path) -> str:
    return (root / ".ci" / "run").read_text(encoding="utf-8")


def test_ci_can_be_started(root: Path) -> None:
    assert os.access(root / ".ci" / "run", os.X_OK)
    assert script(root).startswith("#!/usr/bin/env bash\n")


def test_ci_ends_with_the_test_command_of_the_readme(root: Path, pages: Pages) -> None:
    commands = re.findall(r"^uv run pytest.*$", script(root), re.MULTILINE)
    assert [command.split("||")[0].strip() for command in commands] == ["uv run pytest"]
    assert re.search(r"\buv run pytest\b(?! -)", pages["README.md"])


def test_the_steps_of_ci_are_those_of_the_page(root: Path, pages: Pages) -> None:
    section = pages["docs/contributing.md"].split("## Before you send it")[1].split("\n## ")[0]
    commands = [
        command
        for row in re.findall(r"^\| .*$", section, re.MULTILINE)
        for command in re.findall(r"`(uv run .+?)`", row)
    ]
    expanded = script(root).replace('"${agent[@]}"', "agent/farm_agent protos/devicefarm")
    assert len(commands) >= 9
    assert [command for command in commands if command not in expanded] == []
