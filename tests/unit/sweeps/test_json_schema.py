"""The JSON Schema that editors use: up to date, and of one mind with `load`."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from farm.sweeps.json_schema import json_schema, json_schema_text
from farm.sweeps.load import check, load

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def test_the_committed_schema_is_that_of_the_types() -> None:
    committed = (ROOT / "docs/sweep.schema.json").read_text(encoding="utf-8")
    assert committed == json_schema_text(), "write it anew: python -m farm.sweeps.json_schema > docs/sweep.schema.json"


def test_it_is_a_schema_and_its_names_are_readable() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert {"RuntimeAxis", "ThreadsAxis", "SettingAxis", "ThreadsClause"} <= set(json_schema()["$defs"])
    assert not [name for name in json_schema()["$defs"] if "_" in name]


def test_there_are_ten_examples_and_each_points_to_the_schema() -> None:
    assert len(EXAMPLES) == 10
    for path in EXAMPLES:
        assert path.read_text(encoding="utf-8").startswith(
            "# yaml-language-server: $schema=../docs/sweep.schema.json\n"
        )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_schema_and_load_both_accept_the_example_and_its_long_form(path: Path) -> None:
    sweep = load(path.read_text(encoding="utf-8"), path.name)
    assert sweep.name == path.stem
    assert sweep.description
    assert list(VALIDATOR.iter_errors(read(path))) == []
    assert list(VALIDATOR.iter_errors(json.loads(sweep.to_json()))) == []


def spoilt(value: Any) -> Iterator[Any]:
    """The value with one thing in it changed for the worse, one at a time."""
    if isinstance(value, dict):
        yield {**value, "no_such_key": 1}
        for key, item in value.items():
            for worse in spoilt(item):
                yield {**value, key: worse}
    elif isinstance(value, list):
        yield []
        for index, item in enumerate(value):
            for worse in spoilt(item):
                yield [*value[:index], worse, *value[index + 1 :]]
    else:
        yield from (None, {}, -1, "", ["x"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_load_accepts_the_schema_accepts_also_after_each_single_change(path: Path) -> None:
    """The schema may be more lenient (it cannot know which axes a condition may name), never stricter."""
    accepted = 0
    for changed in spoilt(read(path)):
        text = json.dumps(copy.deepcopy(changed))
        sweep, _ = check(text, path.name)
        if sweep is not None:
            accepted += 1
            errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(changed)]
            assert errors == [], text
    assert accepted, "some changes are harmless"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nmae": "x"},
        {"models": {"a": 3}},
        {"models": {"a": {"file": "x", "shasum": "y"}}},
        {"boards": {"each": "bord"}},
        {"axes": {"threads": ["x"]}},
        {"axes": {"threads": [0]}},
        {"axes": {"batch": []}},
        {"scenario": {"kind": "single"}},
        {"scenario": {"duration": 10}},
        {"scenario": {"duration": "10"}},
        {"gate": "55"},
        {"limits": {"memory": "700M"}},
        {"launches": 0},
        {"launches": "3"},
        {"priority": "hgih"},
        {"compare": {}},
    ],
    ids=json.dumps,
)
def test_an_editor_marks_what_load_refuses(wrong: dict[str, Any]) -> None:
    sweep = {"models": {"cnn": "cnn.onnx"}, **wrong}
    assert list(VALIDATOR.iter_errors(sweep))
    assert check(json.dumps(sweep), "s.yaml")[0] is None
