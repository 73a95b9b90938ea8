"""Comparing with reference outputs.

A golden file is an `.npz` with `input` [n, ...] and `output` [n, ...] as real values (`input_0`, `input_1`, … and
`output_0`, … where there are several), and where they are known `label` [n] and `output_atol`.

How near is near enough depends on the precision, relative to the largest reference value: a float32 model differs
between runtimes in the last digits only, an int8 one in each output a little. There the mean error and the top class
are judged, because one unlucky rounding may move one output a lot.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from .protocol import Refusal
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
    found = []  # type: List[Array]
    while "{}_{}".format(name, len(found)) in arrays:
        found.append(arrays["{}_{}".format(name, len(found))])
    return found


def _fit(array: Array, tensor: Tensor) -> Array:
    """The golden inputs in the shape that the model takes: ones may be put in or left out (NHWC, NCHW of one channel)."""
    wanted = tuple(tensor.shape[1:])
    if tuple(array.shape[1:]) == wanted:
        return array
    if [size for size in array.shape[1:] if size != 1] == [size for size in wanted if size != 1]:
        return array.reshape((array.shape[0],) + wanted)
    raise Refusal(
        "the golden file's inputs have shape {} each and input {} of the model takes {}".format(
            list(array.shape[1:]), tensor.name, list(wanted)
        ),
        hint="make the golden file from this model",
    )


def open_golden(path: str, inputs: Sequence[Tensor], output_count: int) -> Golden:
    """Read and check a golden file before board time is spent. Raises `Refusal`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict((name, stored[name]) for name in stored.files)
    except Exception as error:  # numpy raises half a dozen kinds for a damaged archive
        raise Refusal(
            "the golden file cannot be read: {}".format(error), hint="it must be an .npz with `input` and `output`"
        )
    given, expected = _series(arrays, "input"), _series(arrays, "output")
    if len(given) != len(inputs) or not 1 <= len(expected) <= output_count:
        raise Refusal(
            "the golden file has {} inputs and {} outputs; the model has {} and {}".format(
                len(given), len(expected), len(inputs), output_count
            ),
            hint="its arrays are named {}; `input` and `output` were expected".format(", ".join(sorted(arrays))),
        )
    counts = set(len(array) for array in given + expected)
    if len(counts) != 1 or counts == {0}:
        raise Refusal("the golden file's arrays have different or no rows: {}".format(sorted(counts)))
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
                "the model gives {} per input, the golden file has {}".format(
                    list(got.shape[1:]), list(expected.shape[1:])
                ),
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
    words = ["{} inputs".format(count), "largest error {:.3g}".format(largest)]
    words.append("allowed {:.3g}".format(tolerance) if tolerance else "mean error {:.2%} of the largest".format(mean))
    agreement = None  # type: Optional[float]
    if first_expected.ndim == 2 and first_expected.shape[1] > 1:
        top = first_got.argmax(axis=1)
        agreement = float(np.mean(top == first_expected.argmax(axis=1)))
        words.append("same top class in {:.1%}".format(agreement))
        if precision not in ELEMENT_TOLERANCE and golden.atol is None:
            within = within and agreement >= TOP1_SHARE
        if golden.label is not None and len(golden.label) == count:
            words.append("accuracy {:.1%}".format(float(np.mean(top == golden.label.reshape(-1)))))
    return Comparison(bool(within), largest, agreement, ", ".join(words))
