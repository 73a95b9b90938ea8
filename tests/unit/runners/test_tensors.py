"""Seeded inputs and quantising."""

from __future__ import annotations

import numpy as np
import pytest

from farm_agent.runners.harness import LaunchError, Tensor
from farm_agent.runners.harness.tensors import dequantise, quantise, seeded

INT8 = Tensor("x", "int8", (2, 500), 0.05, -3)


def test_quantising_rounds_clips_and_comes_back() -> None:
    assert quantise(INT8, np.array([0.0, 0.05, 0.074, 1000.0, -1000.0])).tolist() == [-3, -2, -2, 127, -128]
    assert dequantise(INT8, np.array([-3, -2], dtype=np.int8)).tolist() == pytest.approx([0.0, 0.05])


def test_seeded_inputs_use_the_whole_range_of_a_quantised_tensor() -> None:
    values = seeded(INT8, seed=1, index=0)
    stored = quantise(INT8, values)

    assert stored.min() == -128
    assert stored.max() == 127
    assert np.array_equal(quantise(INT8, dequantise(INT8, stored)), stored)


def test_the_first_item_is_the_same_whatever_the_batch() -> None:
    one, four = Tensor("x", "float32", (1, 3, 3)), Tensor("x", "float32", (4, 3, 3))

    assert np.array_equal(seeded(one, 7, 0)[0], seeded(four, 7, 0)[0])


@pytest.mark.parametrize(("seed", "index"), [(8, 0), (7, 1), (7 + (1 << 32), 0)])
def test_another_seed_or_input_gives_other_values(seed: int, index: int) -> None:
    tensor = Tensor("x", "float32", (4,))

    assert not np.array_equal(seeded(tensor, 7, 0), seeded(tensor, seed, index))


def test_the_values_of_a_seed_never_change() -> None:
    """A digest of outputs must mean the same next year."""
    assert seeded(Tensor("x", "float32", (3,)), 0, 0).tolist() == pytest.approx([0.06398606, 0.07569867, 0.81162256])


def test_indices_stay_within_any_vocabulary() -> None:
    assert set(seeded(Tensor("ids", "int64", (1, 64)), 0, 0).ravel()) == {0, 1}


def test_texts_cannot_be_made_up() -> None:
    with pytest.raises(LaunchError, match="numbers only") as caught:
        seeded(Tensor("words", "object", (1,)), 0, 0)
    assert caught.value.outcome == "unsupported"
