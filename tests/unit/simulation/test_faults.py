from __future__ import annotations

import pytest

from farm_agent.errors import UsageError
from farm_agent.simulation.faults import Fault, FaultPlan, parse_faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("crash", Fault("crash", "measure")),
        ("crash@load:0.02", Fault("crash", "load", probability=0.02)),
        ("hang@prepare:#3", Fault("hang", "prepare", first=3, last=3)),
        ("vanish:#2-4", Fault("vanish", "measure", first=2, last=4)),
        ("slow:0.5x2.5", Fault("slow", "measure", probability=0.5, amount=2.5)),
        ("slow", Fault("slow", "measure", amount=3.0)),
        ("undervolt:#1x8", Fault("undervolt", "measure", first=1, last=1, amount=8.0)),
        ("wrong-output", Fault("wrong-output", "verify")),
        ("refuse@restore", Fault("refuse", "restore")),
    ],
)
def test_a_fault_is_read_as_it_is_written(text: str, fault: Fault) -> None:
    assert list(parse_faults(text)) == [fault]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode", "no fault 'explode'"),
        ("crash@cool", "cannot happen in 'cool'"),
        ("slow@load", "cannot happen in 'load'"),
        ("crash:2", "no probability"),
        ("crash:often", "is no fault"),
        ("crash@", "is no fault"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        parse_faults(text)
    assert raised.value.hint


def test_a_numbered_fault_has_its_attempts_and_no_others() -> None:
    plan = FaultPlan(parse_faults("crash:#2-3"), seed=1)
    assert [bool(plan.of_attempt(number)) for number in range(1, 6)] == [False, True, True, False, False]


def test_a_probability_is_kept_and_decided_by_the_seed() -> None:
    def struck(seed: int) -> list[int]:
        plan = FaultPlan(parse_faults("crash:0.1"), seed)
        return [number for number in range(1, 2001) if plan.of_attempt(number)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 150 < len(struck(1)) < 250


def test_two_faults_are_drawn_apart() -> None:
    plan = FaultPlan(parse_faults("crash@load:0.5,crash@measure:0.5"), seed=3)
    phases = {tuple(fault.phase for fault in plan.of_attempt(number)) for number in range(1, 50)}
    assert phases == {(), ("load",), ("measure",), ("load", "measure")}
