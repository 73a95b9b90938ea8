"""What a command may print, and what it may be."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import AttemptError
from farm_agent.runners.command import CommandLines, command_of


def test_latencies_in_any_of_the_four_spellings() -> None:
    said = CommandLines()
    for line in ({"latency_ns": 5}, {"latency_s": 1e-6}, {"latencies_ns": [7, 8.4]}, {"latencies_s": [2e-9]}):
        assert said.take(line)

    assert said.latency_ns == [5, 1000, 7, 8, 2]


def test_what_else_it_may_say() -> None:
    said = CommandLines()

    assert said.take({"load_s": 0.5, "facts": {"library": "1.2"}, "output_sha256": "ab"})
    assert not said.take({"temperature": 5})
    assert (said.numbers, said.facts, said.output_sha256) == ({"load_s": 0.5}, {"library": "1.2"}, "ab")


@pytest.mark.parametrize("value", [0, -1, True, "5", None, float("nan"), float("inf"), 1e30, [5, -5], {}])
def test_an_impossible_latency_fails_the_job(value: Any) -> None:
    with pytest.raises(AttemptError, match="latenc") as caught:
        CommandLines().take({"latencies_ns": value})
    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED


@pytest.mark.parametrize("value", [None, [], "bench --fast", {"a": 1}, [["nested"]]])
def test_a_command_is_a_list_of_texts(value: Any) -> None:
    with pytest.raises(AttemptError, match="a list of texts"):
        command_of({"command": json.dumps(value)} if value is not None else {})


def test_a_program_that_is_not_there_is_unsupported_here() -> None:
    with pytest.raises(AttemptError, match="no-such-bench is not an executable") as caught:
        command_of({"command": '["no-such-bench"]'})
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED


def test_a_program_is_found_on_path_and_keeps_its_arguments() -> None:
    assert command_of({"command": json.dumps([sys.executable, "-c", 5])}) == (sys.executable, "-c", "5")


def test_a_misspelt_option_is_not_ignored() -> None:
    with pytest.raises(AttemptError, match="no option comand"):
        command_of({"comand": "[]"})
