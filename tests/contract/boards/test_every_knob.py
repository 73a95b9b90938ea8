"""What an attempt may rely on, whatever knob it turns."""

from __future__ import annotations

import json
from typing import Callable, Protocol

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import KnobError
from farm_agent.knobs.base import Knob


class KnobCase(Protocol):
    """A knob, how to get a fresh object of it, and a value that is not the one in force."""

    @property
    def fresh(self) -> Callable[[], Knob]: ...

    @property
    def value(self) -> str: ...


def canonical(value: str) -> str:
    return json.dumps(json.loads(value), sort_keys=True, separators=(",", ":"))


def test_it_reads_canonical_json(knob: KnobCase) -> None:
    value = knob.fresh().read()
    assert value == canonical(value)
    assert value != '"unknown"'


def test_what_was_applied_reads_back(knob: KnobCase) -> None:
    it = knob.fresh()
    assert it.read() != knob.value
    it.apply(knob.value)
    assert it.read() == knob.value
    assert knob.fresh().read() == knob.value


def test_a_fresh_process_puts_it_back(knob: KnobCase) -> None:
    it = knob.fresh()
    before = it.read()
    it.apply(knob.value)
    knob.fresh().restore(before)
    assert knob.fresh().read() == before


def test_put_back_twice_is_put_back(knob: KnobCase) -> None:
    before = knob.fresh().read()
    for _ in range(2):
        knob.fresh().restore(before)
    assert knob.fresh().read() == before


@pytest.mark.parametrize("value", ['"no such value"', "[]", "null", "-1"])
def test_a_value_that_it_has_not_is_the_jobs_fault_and_changes_nothing(knob: KnobCase, value: str) -> None:
    before = knob.fresh().read()
    with pytest.raises(KnobError) as raised:
        knob.fresh().apply(value)
    assert raised.value.kind == attempt_pb2.ERROR_KIND_JOB
    assert raised.value.hint
    assert knob.fresh().read() == before
