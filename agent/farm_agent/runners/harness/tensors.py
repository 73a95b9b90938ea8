"""What a model takes and gives: name, element type, shape, and how it is quantised.

Inputs come from the scenario's seed through `numpy.random.RandomState`, whose stream numpy keeps unchanged for ever
(NEP 19), so that a digest of the outputs means the same next year. They are drawn item by item: the first item is the
same whatever the batch.
"""

from typing import Any, NamedTuple, Tuple

import numpy as np

from .protocol import LaunchError

__all__ = ["Array", "Tensor", "dequantise", "quantise", "seeded"]

Array = Any  # numpy.ndarray; generic only since versions that these boards do not have


class Tensor(NamedTuple):
    """One input or output, its shape with the batch filled in. A `scale` of zero: not quantised.

    real value = (stored - zero_point) * scale
    """

    name: str
    dtype: str
    shape: Tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


def quantise(tensor: Tensor, values: Array) -> Array:
    """Real values as the tensor stores them: rounded to nearest and clipped where it is quantised."""
    dtype = np.dtype(tensor.dtype)
    if not tensor.scale:
        return np.ascontiguousarray(values, dtype=dtype)
    bounds = np.iinfo(dtype)
    stored = np.rint(np.asarray(values, dtype=np.float32) / np.float32(tensor.scale)) + tensor.zero_point
    return np.ascontiguousarray(np.clip(stored, bounds.min, bounds.max), dtype=dtype)


def dequantise(tensor: Tensor, stored: Array) -> Array:
    """What the tensor stores as real values, float32 where it is quantised."""
    if not tensor.scale:
        return stored
    return (stored.astype(np.float32) - tensor.zero_point) * np.float32(tensor.scale)


def seeded(tensor: Tensor, seed: int, index: int) -> Array:
    """Real values for input number `index`, drawn from `seed`.

    Floats are uniform in [0, 1); quantised ones any value they can store; other integers 0 or 1, which is within the
    range of any vocabulary, mask or state.
    """
    random = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, index])
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return random.random_sample(tensor.shape).astype(dtype)
    if dtype.kind in "iu" and tensor.scale:
        bounds = np.iinfo(dtype)
        stored = random.randint(int(bounds.min), int(bounds.max) + 1, tensor.shape).astype(dtype)
        return dequantise(tensor, stored)
    if dtype.kind in "iub":
        return random.randint(0, 2, tensor.shape).astype(dtype)
    raise LaunchError(
        f"input {tensor.name} holds {tensor.dtype}; inputs can be made up for numbers only",
        outcome="unsupported",
    )
