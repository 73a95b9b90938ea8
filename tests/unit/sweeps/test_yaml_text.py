"""YAML with the place of every key and value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.sweeps.yaml_text import Mark, read_yaml


def test_every_key_and_value_has_its_place() -> None:
    document = read_yaml("models:\n  cnn: a.onnx\naxes: {threads: [1, 2]}\n")
    assert document.root == {"models": {"cnn": "a.onnx"}, "axes": {"threads": [1, 2]}}
    assert document.keys["models", "cnn"] == Mark(2, 3)
    assert document.values["models", "cnn"] == Mark(2, 8)
    assert document.values["axes", "threads", 1] == Mark(3, 21)
    assert document.mark(("axes", "threads", 1, "deeper", 7)) == Mark(3, 21), "else the nearest ancestor's"


def test_values_are_those_of_yaml_1_2_and_dates_stay_text() -> None:
    document = read_yaml("a: off\nb: 010\nc: 2024-01-01\nd: 1e3\ne: true\nf: '3'\ng:\n")
    assert document.root == {"a": "off", "b": 10, "c": "2024-01-01", "d": 1000.0, "e": True, "f": "3", "g": None}
    assert document.problems == ()


def test_an_alias_and_a_merge_bring_their_values_along() -> None:
    document = read_yaml("base: &base {threads: 1, batch: 2}\nother: {<<: *base, batch: 8}\n")
    assert document.root == {"base": {"threads": 1, "batch": 2}, "other": {"batch": 8, "threads": 1}}
    assert document.problems == ()


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a:\n\tb: 2\n", 2, 1, "indented with spaces, never with tabs"),
        ("a: [1, 2\nb: 3\n", 2, 2, "(begun in line 1, column 4)"),
        ("a: b: c\n", 1, 5, "colon and a space"),
        ("a: 'x\n", 2, 1, "(begun in line 1, column 4)"),
        ("---\na: 1\n---\nb: 1\n", 3, 1, "one sweep"),
        ("a: *nope\n", 1, 4, "undefined alias"),
        ("a: b\x01\n", 1, 5, "'\\x01' is not allowed"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "key `a` is there twice; the first stands in line 1"),
        ("a: !python/object 1\n", 1, 4, "the tag"),
        ("a: .nan\n", 1, 4, "not a finite number"),
        ("a: 123456789012345678901\n", 1, 4, "too large a number"),
        ("? [1]\n: 2\n", 1, 3, "a key must be text"),
        ("a: &a [*a]\n", 1, 4, "an alias inside what it stands for"),
        ("a: &a {<<: *a}\n", 1, 4, "an alias inside what it stands for"),
        ("a: {<<: 3}\n", 1, 9, "takes a mapping"),
        ("[" * 4000, 1, 1, "nested too deeply"),
    ],
)
def test_what_is_wrong_has_a_place_and_a_hint(text: str, line: int, column: int, says: str) -> None:
    (problem,) = read_yaml(text).problems
    assert problem.mark == Mark(line, column)
    assert says in problem.message


def test_two_duplicate_keys_are_both_found() -> None:
    assert [problem.mark.line for problem in read_yaml("a: 1\na: 2\nb: 1\nb: 2\n").problems] == [2, 4]


def test_aliases_of_aliases_end_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = read_yaml("\n".join(lines)).problems
    assert "more than 20000 values" in problem.message


def test_a_file_of_a_megabyte_is_refused_unread() -> None:
    (problem,) = read_yaml("#" * 1_000_001).problems
    assert "1000001 characters long" in problem.message


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    document = read_yaml(text)
    assert document.root is None or not document.problems or all(p.mark.line >= 1 for p in document.problems)
