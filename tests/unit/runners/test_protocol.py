"""The request as a runner reads it."""

from __future__ import annotations

from typing import Any

import pytest

from farm_agent.runners.harness import LaunchError, Request


def request(version: int = 1, **options: Any) -> Request:
    scenario = {
        "kind": "single-stream",
        "min_duration_s": 1,
        "min_count": 1,
        "max_duration_s": 1,
        "max_count": 1,
        "max_warmup_s": 1,
        "seed": 0,
    }
    return Request(
        {
            "version": version,
            "model": "m",
            "format": "onnx",
            "precision": "float32",
            "batch": 1,
            "threads": 1,
            "verify": False,
            "golden": None,
            "latencies": "l",
            "options": options,
            "scenario": scenario,
        }
    )


def test_an_option_that_is_not_set_has_its_default() -> None:
    assert request().option("arena", True) is True


def test_an_option_has_one_of_its_values() -> None:
    with pytest.raises(LaunchError, match='level is "al"; this runtime knows "all", "basic"'):
        request(level="al").option("level", "all", ["all", "basic"])


def test_an_option_has_the_type_of_its_default() -> None:
    with pytest.raises(LaunchError, match="a true or false was expected"):
        request(arena="yes").option("arena", True)


def test_a_misspelt_option_is_refused_with_the_near_one() -> None:
    asked = request(areno=True)
    asked.option("arena", True)
    with pytest.raises(LaunchError, match="no option areno") as caught:
        asked.refuse_unknown_options()
    assert caught.value.hint == "did you mean arena?"


def test_another_version_of_the_contract_is_the_agents_fault() -> None:
    with pytest.raises(LaunchError, match="version 2") as caught:
        request(version=2)
    assert caught.value.kind == "agent"
