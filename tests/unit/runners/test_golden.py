"""Comparing with reference outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farm_agent.runners.harness import LaunchError, Tensor
from farm_agent.runners.harness.golden import Golden, compare, open_golden

INPUT = Tensor("x", "float32", (4, 1, 2, 3))
INPUTS = np.arange(18, dtype=np.float32).reshape(3, 2, 3, 1)
OUTPUTS = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]], dtype=np.float32)


def golden(**others: Any) -> Golden:
    return Golden(**{"inputs": [INPUTS], "outputs": [OUTPUTS], "label": None, "atol": None, **others})


def test_equal_outputs_match() -> None:
    compared = compare(golden(label=np.array([0, 1, 1])), [OUTPUTS.copy()], "float32")

    assert compared.matches
    assert compared.max_abs_error == 0
    assert compared.top1_agreement == 1
    assert "accuracy 66.7%" in compared.detail


@pytest.mark.parametrize(("precision", "error", "matches"), [("float32", 2e-3, False), ("float16", 2e-3, True)])
def test_the_precision_decides_how_near_is_near_enough(precision: str, error: float, matches: bool) -> None:
    outputs = OUTPUTS.copy()
    outputs[1, 2] += error

    compared = compare(golden(), [outputs], precision)

    assert compared.matches is matches
    assert compared.max_abs_error == pytest.approx(error, rel=1e-3)


def test_an_int8_model_may_move_one_output_but_not_the_top_classes() -> None:
    moved, swapped = OUTPUTS.copy(), OUTPUTS.copy()
    moved[0, 0] -= 0.15
    swapped[0], swapped[1] = OUTPUTS[1], OUTPUTS[0]

    assert compare(golden(), [moved], "int8").matches
    assert not compare(golden(), [swapped], "int8").matches


def test_a_model_that_always_says_the_same_does_not_match_as_int8() -> None:
    assert not compare(golden(), [np.full_like(OUTPUTS, 1 / 3)], "int8").matches


def test_the_files_own_tolerance_wins() -> None:
    assert compare(golden(atol=0.5), [OUTPUTS + 0.3], "float32").matches


def test_no_number_never_matches() -> None:
    compared = compare(golden(), [np.full_like(OUTPUTS, np.nan)], "int8")

    assert not compared.matches
    assert "not finite" in compared.detail


def test_outputs_of_another_size_do_not_match() -> None:
    assert not compare(golden(), [OUTPUTS[:, :2]], "float32").matches


def test_a_file_is_fitted_to_the_models_layout(tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", input=INPUTS, output=OUTPUTS)

    opened = open_golden(str(tmp_path / "g.npz"), [INPUT], 1)

    assert opened.inputs[0].shape == (3, 1, 2, 3)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"input": INPUTS}, "1 inputs and 0 outputs"),
        ({"input": INPUTS, "output": OUTPUTS[:2]}, "different or no rows"),
        ({"input": INPUTS.reshape(3, 3, 2, 1), "output": OUTPUTS}, r"shape \[3, 2, 1\]"),
        ({"input_0": INPUTS, "input_1": INPUTS, "output": OUTPUTS}, "2 inputs and 1 outputs"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "g.npz", **arrays)

    with pytest.raises(LaunchError, match=words):
        open_golden(str(tmp_path / "g.npz"), [INPUT], 1)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.npz").write_text("version https://git-lfs.github.com/spec/v1")

    with pytest.raises(LaunchError, match="cannot be read"):
        open_golden(str(tmp_path / "g.npz"), [INPUT], 1)
