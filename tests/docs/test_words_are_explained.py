"""Nothing a person can meet is left unexplained: error, exit code, state, phase, outcome, fault, verdict."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import TypeVar

import pytest

from farm import errors as farm_errors
from farm.model.attempt import ErrorKind, Launch, Lease, Outcome, Phase, Telemetry, ThrottleEvent
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState, Provenance
from farm.model.job import Gate, Job, JobState, Run, RunState, Scenario, ScenarioKind
from farm.model.result import Verdict
from farm_agent import errors as agent_errors
from farm_agent.knobs.base import Knob
from farm_agent.sensors.base import Sensor

Pages = dict[str, str]
E = TypeVar("E", bound=Exception)

STATES = (Phase, Outcome, ErrorKind, JobState, RunState, BoardState, BoardHealth, BoardIntent, Verdict, Provenance)
CONCEPTS = (
    Board, ErrorKind, Gate, Job, Knob, Launch, Lease, Outcome, Phase, Provenance, Run, Scenario, Sensor, Telemetry,
    ThrottleEvent, Verdict,
)  # fmt: skip


def farm_family() -> list[type[farm_errors.FarmError]]:
    """The tree of farm/errors.py; a narrower kind defined elsewhere is its parent's business."""
    return [farm_errors.FarmError, *public(farm_errors.FarmError, farm_errors.__name__)]


def agent_family() -> list[type[agent_errors.AgentError]]:
    return [agent_errors.AgentError, *public(agent_errors.AgentError, agent_errors.__name__)]


def public(base: type[E], module: str) -> list[type[E]]:
    return [child for child in descendants(base) if child.__module__ == module]


def descendants(base: type[E]) -> Iterator[type[E]]:
    for child in base.__subclasses__():
        yield child
        yield from descendants(child)


@pytest.mark.parametrize("error", farm_family(), ids=lambda error: error.__name__)
def test_each_error_of_the_farm_has_its_exit_code_and_fault_in_the_docs(
    error: type[farm_errors.FarmError], pages: Pages
) -> None:
    row = rf"^\| {error.exit_code} \| `{error.__name__}` \| .+ \| `{error.kind.value}` \| .+ \|$"
    assert re.search(row, pages["docs/exit-codes.md"], re.MULTILINE), f"no row like {row}"


@pytest.mark.parametrize("error", agent_family(), ids=lambda error: error.__name__)
def test_each_error_of_the_agent_is_in_the_docs(error: type[agent_errors.AgentError], pages: Pages) -> None:
    ends_the_command = error is agent_errors.AgentError or error.exit_code != agent_errors.AgentError.exit_code
    row = rf"^\| {error.exit_code} \| `{error.__name__}` \|" if ends_the_command else rf"^\| `{error.__name__}` \|"
    assert re.search(row, pages["docs/exit-codes.md"], re.MULTILINE), f"no row like {row}"


def test_every_documented_error_exists(pages: Pages) -> None:
    documented = set(re.findall(r"`(\w+Error)`", pages["docs/exit-codes.md"]))
    assert documented == {error.__name__ for error in [*farm_family(), *agent_family()]}


@pytest.mark.parametrize("states", STATES, ids=lambda states: states.__name__)
def test_each_state_has_a_row(states: type[enum.Enum], pages: Pages) -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", pages["docs/states.md"], re.MULTILINE))
    assert {state.value for state in states} <= rows


def test_every_documented_state_exists(pages: Pages) -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", pages["docs/states.md"], re.MULTILINE))
    assert rows == {state.value for states in STATES for state in states}


def test_verdicts_stand_in_the_order_in_which_they_are_shown(pages: Pages) -> None:
    section = pages["docs/states.md"].split("## Verdicts")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == [verdict.value for verdict in Verdict]


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.__name__)
def test_each_concept_is_in_the_glossary(concept: type, pages: Pages) -> None:
    assert f"**{concept.__name__}**" in pages["docs/glossary.md"]


@pytest.mark.parametrize("values", [Phase, Outcome, ErrorKind, ScenarioKind], ids=lambda values: values.__name__)
def test_the_glossary_lists_all_values(values: type[enum.Enum], pages: Pages) -> None:
    assert [value.value for value in values if f"`{value.value}`" not in pages["docs/glossary.md"]] == []


def test_a_word_is_explained_once(pages: Pages) -> None:
    words = re.findall(r"\*\*(\w+)\*\*", pages["docs/glossary.md"])
    assert len(words) > 40
    assert sorted({word for word in words if words.count(word) > 1}) == []
