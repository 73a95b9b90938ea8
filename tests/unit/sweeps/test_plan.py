"""What a dry run says."""

from __future__ import annotations

import json

import pytest

from farm.model.board import Board, BoardFacts, RuntimeOffer
from farm.model.job import ArtifactRef
from farm.sweeps.expand import ModelFile, expand
from farm.sweeps.plan import Plan, make_plan
from farm.sweeps.schema import Sweep

FILES = [ModelFile("cnn", "onnx", "float32", ArtifactRef("a" * 64, 10, "cnn.onnx"))]


def plan_of(*boards: Board) -> Plan:
    sweep = Sweep.model_validate(
        {
            "name": "s",
            "description": "why",
            "models": {"cnn": "cnn.onnx"},
            "boards": {"each": "any"},
            "axes": {
                "runtime": ["onnxruntime", "onnxruntime==1.20.*", "litert"],
                "threads": [1, 2],
                "build": {"when": {"threads": 2}, "values": ["os"]},
                "clock": ["stock", {"arm_freq": 2000}],
            },
            "include": {"threads": 16, "runtime": "onnxruntime", "clock": "stock"},
            "scenario": {"duration": "10s"},
            "launches": 2,
            "cooldown": "4s",
            "limits": {"attempt": "2min"},
        }
    )
    return make_plan(sweep, expand(sweep, run_id="r", files=FILES, boards=boards))


def board(board_id: str) -> Board:
    return Board(
        board_id, "linux", f"name-{board_id}", facts=BoardFacts(), runtimes=(RuntimeOffer("onnxruntime", ("onnx",)),)
    )


def test_the_matrix_names_every_axis_with_its_values_and_those_that_were_added() -> None:
    plan = plan_of(board("b"))
    assert {axis.name: axis.values for axis in plan.axes} == {
        "runtime": ("onnxruntime", "onnxruntime==1.20.*", "litert"),
        "threads": ("1", "2", "16"),
        "build": ("os",),
        "clock": ("stock", '{"arm_freq":2000}'),
    }
    assert [axis.name for axis in plan.axes if axis.conditional] == ["build"]
    assert (plan.models, plan.description) == (("cnn",), "why")


def test_each_job_says_where_it_could_run_or_why_nowhere() -> None:
    plan = plan_of(board("b"), board("a"))
    runnable = [job for job in plan.jobs if not job.unsupported]
    assert len(plan.jobs) == 3 * 2 * 2 + 1
    assert len(runnable) == 2 * 2 + 1
    assert runnable[0].boards == ("name-a", "name-b")
    assert runnable[0].point == {
        "runtime": "onnxruntime",
        "precision": "float32",
        "threads": "1",
        "batch": "1",
        "clock": "stock",
    }
    assert sum(found.jobs for found in plan.unsupported) == 8
    assert any("has no knob `clock`" in found.reason for found in plan.unsupported)
    assert any("has no runtime `litert`" in found.reason for found in plan.unsupported)


def test_a_second_board_shortens_the_run_and_not_the_time_of_boards() -> None:
    alone, together = plan_of(board("b")), plan_of(board("b"), board("a"))
    per_job_s = alone.jobs[0].estimate_s
    assert per_job_s > 2 * 10 + 4
    assert alone.estimate_s == pytest.approx(5 * per_job_s)
    assert together.estimate_s == pytest.approx(3 * per_job_s)
    assert together.board_s == pytest.approx(alone.board_s)
    assert [found.jobs for found in together.boards] == [3, 2]
    assert alone.at_most_s == 5 * 120


def test_it_can_be_written_as_json() -> None:
    plan = plan_of(board("b"))
    told = json.loads(plan.to_json())
    assert told["name"] == "s"
    assert len(told["jobs"]) == len(plan.jobs)
    assert told["boards"][0]["provenance"] == "hardware"
