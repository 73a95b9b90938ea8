"""docs/sweep-file.md says everything that can be written, and every block of it can be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from farm.model.selector import Selector
from farm.sweeps import checks, expand, yaml_text
from farm.sweeps.formats import FORMATS, PRECISIONS
from farm.sweeps.json_schema import json_schema
from farm.sweeps.load import load
from farm.sweeps.schema import Sweep

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/sweep-file.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def keys_of(schema: Any) -> set[str]:
    """Every key that the schema names."""
    if isinstance(schema, dict):
        own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
        return own.union(*(keys_of(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(keys_of(value) for value in schema))
    return set()


def choices_of(schema: Any) -> set[str]:
    """Every word that the schema lists as a choice."""
    if isinstance(schema, dict):
        own = {word for word in schema.get("enum", []) if isinstance(word, str) and word}
        return own.union(*(choices_of(value) for key, value in schema.items() if key != "enum"))
    if isinstance(schema, list):
        return set().union(*(choices_of(value) for value in schema))
    return set()


def test_there_are_blocks_to_look_at() -> None:
    assert len(BLOCKS) >= 12


@pytest.mark.parametrize("block", BLOCKS, ids=[f"block-{index + 1}" for index in range(len(BLOCKS))])
def test_every_block_is_a_sweep(block: str) -> None:
    sweep = load(block, "page.yaml")
    assert list(VALIDATOR.iter_errors(YAML(typ="safe", pure=True).load(block))) == []
    assert Sweep.from_json(sweep.to_json()) == sweep


def test_every_long_form_in_a_comment_means_the_same_as_the_block_that_it_stands_in() -> None:
    seen = 0
    for block in BLOCKS:
        for key, long in re.findall(r"^# Long: ((\w+): .*)$", block, re.MULTILINE):
            short = re.sub(rf"^{long}: .*$", key, block, flags=re.MULTILINE)
            assert load(short, "page.yaml") == load(block, "page.yaml")
            seen += 1
    assert seen == 2


def test_every_key_and_every_choice_is_on_the_page() -> None:
    words = set(re.findall(r"[\w-]+", PAGE))
    assert sorted(keys_of(json_schema()) - words) == []
    assert sorted(choices_of(json_schema()) - words) == []
    assert sorted(set(PRECISIONS) - words) == []
    assert [
        ending
        for ending in FORMATS
        if f"`{ending}`" not in PAGE and ending not in {".lite", ".plan", ".trt", ".blob", ".pth"}
    ] == []


def test_every_default_in_the_page_is_the_default() -> None:
    scenario = Sweep().scenario.as_model()
    assert f"| {scenario.min_count} |" in PAGE
    assert f"| {scenario.max_count} |" in PAGE
    assert f"`{scenario.max_warmup_s:g}s`" in PAGE
    assert (Sweep().launches, Sweep().repeats, Sweep().cooldown) == (3, 1, 0.0)
    assert "3, 1, 0 s" in PAGE


def test_every_selector_on_the_page_can_be_read() -> None:
    table = PAGE[PAGE.index("| clause | matches boards |") : PAGE.index("Operators:")]
    clauses = [
        clause.replace("\\|", "|")
        for line in table.splitlines()[2:]
        for clause in re.findall(r"`([^`]+[=<>~][^`]+)`", line.replace("\\|", "|").split(" | ")[0])
    ]
    assert len(clauses) > 15
    for clause in clauses:
        Selector.parse(clause.replace("…", "x"))


def test_every_example_is_on_the_page() -> None:
    for path in (ROOT / "examples").glob("*.yaml"):
        assert f"(../examples/{path.name})" in PAGE


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    for limit in (checks.MOST_JOBS, expand.MOST_JOBS, yaml_text._MOST_VALUES, yaml_text._MOST_CHARACTERS):
        assert f"{limit:,}" in PAGE
    assert json.loads(Sweep().to_json())["launches"] == 3
