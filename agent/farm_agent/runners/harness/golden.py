"""Comparing with reference outputs.

A golden file is an `.npz` with `input` [n, ...] and `output` [n, ...] as real values (`input_0`, `input_1`, … and
`output_0`, … where there are several), and where they are known `label` [n] and `output_atol`.

How near is near enough depends on the precision, relative to the largest reference value: a float32 model differs
between runtimes in the last digits only, an int8 one in each output a little. There the mean error and the top class
are judged, because one unlucky rounding may move one output a lot.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from .protocol import LaunchError
from .tensors import Array, Tensor

__all__ = ["Comparison", "Golden", "compare", "open_golden"]

# Largest error of an element, relative to the largest reference value. float32 runtimes differed by 1e-4 of it at most.
ELEMENT_TOLERANCE = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 5e-2}
# Integer models: mean error, relative as above, and share of inputs that must keep their top class.
MEAN_TOLERANCE = 0.05
TOP1_SHARE = 0.9


class Golden(NamedTuple):
    inputs: List[Array]
    outputs: List[Array]
    label: Optional[Array]
    atol: Optional[float]


class Comparison(NamedTuple):
    matches: bool
    max_abs_error: float
    top1_agreement: Optional[float]
    detail: str


def _series(arrays: Dict[str, Any], name: str) -> List[Array]:
    if name in arrays:
        return [arrays[name]]
    found: List[Array] = []
    while f"{name}_{len(found)}" in arrays:
        found.append(arrays[f"{name}_{len(found)}"])
    return found


def _fit(array: Array, tensor: Tensor) -> Array:
    """The golden inputs as the model takes them: ones may come or go in their shape (NHWC or NCHW of one channel)."""
    wanted = tuple(tensor.shape[1:])
    if tuple(array.shape[1:]) == wanted:
        return array
    if [size for size in array.shape[1:] if size != 1] == [size for size in wanted if size != 1]:
        return array.reshape((array.shape[0], *wanted))
    raise LaunchError(
        f"the golden file's inputs have shape {list(array.shape[1:])} and {tensor.name} takes {list(wanted)}",
        hint="make the golden file from this model",
    )


def open_golden(path: str, inputs: Sequence[Tensor], output_count: int) -> Golden:
    """Read and check a golden file before board time is spent. Raises `LaunchError`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive
        raise LaunchError(
            f"the golden file cannot be read: {error}", hint="it must be an .npz with `input` and `output`"
        ) from error
    given, expected = _series(arrays, "input"), _series(arrays, "output")
    if len(given) != len(inputs) or not 1 <= len(expected) <= output_count:
        raise LaunchError(
            f"the golden file has {len(given)} inputs and {len(expected)} outputs; "
            f"the model has {len(inputs)} and {output_count}",
            hint=f"its arrays are named {', '.join(sorted(arrays))}; `input` and `output` were expected",
        )
    counts = {len(array) for array in given + expected}
    if len(counts) != 1 or counts == {0}:
        raise LaunchError(f"the golden file's arrays have different or no rows: {sorted(counts)}")
    label = arrays.get("label")
    atol = float(arrays["output_atol"]) if "output_atol" in arrays else None
    return Golden([_fit(array, tensor) for array, tensor in zip(given, inputs)], expected, label, atol)


def compare(golden: Golden, outputs: Sequence[Array], precision: str) -> Comparison:
    """Judge real-valued outputs [n, ...], one array per reference output."""
    count = len(golden.inputs[0])
    largest = mean = tolerance = 0.0
    within = True
    for expected, got in zip(golden.outputs, outputs):
        if expected.size != got.size:
            return Comparison(
                False,
                0.0,
                None,
                f"the model gives {list(got.shape[1:])} per input, the golden file has {list(expected.shape[1:])}",
            )
        error = np.abs(got.reshape(expected.shape).astype(np.float64) - expected.astype(np.float64))
        if not np.all(np.isfinite(error)):
            return Comparison(False, 0.0, None, "outputs are not finite numbers")
        scale = max(float(np.max(np.abs(expected.astype(np.float64)))), 1e-12)
        largest = max(largest, float(error.max()))
        mean = max(mean, float(error.mean()) / scale)
        if precision in ELEMENT_TOLERANCE or golden.atol is not None:
            tolerance = golden.atol if golden.atol is not None else ELEMENT_TOLERANCE[precision] * scale
            within = within and float(error.max()) <= tolerance
        else:
            within = within and mean <= MEAN_TOLERANCE
    first_expected, first_got = golden.outputs[0], outputs[0].reshape(golden.outputs[0].shape)
    words = [f"{count} inputs", f"largest error {largest:.3g}"]
    words.append(f"allowed {tolerance:.3g}" if tolerance else f"mean error {mean:.2%} of the largest")
    agreement: Optional[float] = None
    if first_expected.ndim == 2 and first_expected.shape[1] > 1:
        top = first_got.argmax(axis=1)
        agreement = float(np.mean(top == first_expected.argmax(axis=1)))
        words.append(f"same top class in {agreement:.1%}")
        if precision not in ELEMENT_TOLERANCE and golden.atol is None:
            within = within and agreement >= TOP1_SHARE
        if golden.label is not None and len(golden.label) == count:
            words.append(f"accuracy {float(np.mean(top == golden.label.reshape(-1))):.1%}")
    return Comparison(bool(within), largest, agreement, ", ".join(words))
