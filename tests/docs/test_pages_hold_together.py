"""Links lead somewhere, examples load, commands exist, and nothing names a machine of ours."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from farm.errors import SweepError
from farm.sweeps.load import load

Pages = dict[str, str]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^(?: {4}|\t).*\n?)+", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
# A command in a line of its own or in a code span; a comment or a second column ends it.
COMMAND = re.compile(r"(?:^|[`$;|] ?|&& |uv run )farm(?![\w./-])((?: [^\s`#|;&]+)*)")


def anchors(text: str) -> set[str]:
    """The anchors that a forge gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def code_of(text: str) -> list[str]:
    """Every line of code on a page: fenced, indented, or within a sentence."""
    lines = [line for _, block in FENCE.findall(text) for line in block.splitlines()]
    rest = FENCE.sub("", text)
    lines += [line.strip() for block in INDENTED.findall(rest) for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", rest)
    return lines


def test_relative_links_lead_somewhere(pages: Pages, root: Path) -> None:
    lost = []
    for page, text in pages.items():
        for target in LINK.findall(FENCE.sub("", text)) + IMAGE.findall(text):
            if "://" in target or target.startswith("mailto:"):
                continue
            file, _, anchor = target.partition("#")
            path = (root / page).parent / file if file else root / page
            if not path.exists() or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
                lost.append(f"{page}: {target}")
    assert lost == []


def test_every_page_of_docs_can_be_reached(pages: Pages) -> None:
    """From the README, by links."""
    reached, ahead = set(), ["README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page not in pages:
            continue
        reached.add(page)
        folder = Path(page).parent
        files = (target.partition("#")[0] for target in LINK.findall(pages[page]) if "://" not in target)
        ahead += [os.path.normpath(folder / file) for file in files if file]
    assert sorted({page for page in pages if page.startswith("docs/")} - reached) == []


def sweeps(pages: Pages) -> list[tuple[str, str]]:
    return [
        (page, block)
        for page, text in pages.items()
        for language, block in FENCE.findall(text)
        if language == "yaml" and re.search(r"^models:", block, re.MULTILINE)
    ]


def test_every_sweep_on_a_page_loads(pages: Pages) -> None:
    wrong = []
    for page, block in sweeps(pages):
        try:
            load(block, page)
        except SweepError as error:
            wrong.append(str(error))
    assert wrong == []


def test_every_example_loads(root: Path) -> None:
    examples = sorted((root / "examples").glob("*.yaml"))
    assert examples
    for path in examples:
        load(path.read_text(encoding="utf-8"), path.name)


def find(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and what is left of them."""
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options_of(command: Any) -> set[str]:
    return {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]} | {
        "--help"
    }


def wrong_in(tree: Any, words: list[str]) -> str:
    """Why `farm WORDS` would not be understood; empty when it would."""
    command, rest = find(tree, words)
    if rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        return f"there is no command `{rest[0]}`"
    known = options_of(command)
    unknown = [word for word in rest if re.match(r"--[a-z]", word) and word.split("=")[0] not in known]
    return f"it has no option {unknown[0]}" if unknown and command.name != "agent" else ""


def test_every_command_on_a_page_exists(pages: Pages) -> None:
    from farm.cli.main import app

    tree = typer.main.get_command(app)
    wrong, seen = [], 0
    for page, text in pages.items():
        for line in code_of(text):
            for words in COMMAND.findall(line):
                # `farm status, farm down` names two; capitals and angles stand for something.
                mentioned = [word.strip(",.…") for word in words.split()]
                reason = wrong_in(tree, [word for word in mentioned if word and not re.match(r"[A-Z<\[(]", word)])
                seen += 1
                if reason:
                    wrong.append(f"{page}: farm{words}: {reason}")
    assert seen > 20
    assert wrong == []


def test_every_command_is_on_a_page(pages: Pages) -> None:
    from farm.cli.main import app

    text = "\n".join(pages.values())
    tree: Any = typer.main.get_command(app)
    missing = [name for name in tree.commands if not re.search(rf"farm {name}\b", text)]
    assert missing == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [("submit x.yaml --dry-run", ""), ("sumbit x.yaml", "no command"), ("submit x.yaml --dryrun", "no option")],
)
def test_the_check_knows_a_command_from_a_slip(words: str, reason: str) -> None:
    from farm.cli.main import app

    said = wrong_in(typer.main.get_command(app), words.split())
    assert bool(said) == bool(reason)
    assert reason in said


# In halves, or this file would name what no file may.
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "crates" + ".io", "proxy." + "golang"]
# `ada` and `pi` are nobody here: examples may use them.
PLACES = re.compile(r"(?<![\w.~$}])/(?:" + "root" + r"|(?:home|Users)/(?!ada\b|pi\b)\w+|" + "work" + r")/[\w.]")


def test_no_file_names_a_registry_or_a_place_on_a_machine(tracked: list[Path], root: Path) -> None:
    found = []
    for path in tracked:
        data = path.read_bytes()
        if b"\0" in data[:8192]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if any(host in line for host in HOSTS) or PLACES.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {line.strip()[:100]}")
    assert found == []
