"""Formats and precisions of model files, as their names tell them.

`digits-int8.tflite` is int8 TFLite. What a name doesn't tell is said in the sweep (`format:`, `precision:`).
"""

from __future__ import annotations

import re
from types import MappingProxyType

from farm.sweeps.parts import did_you_mean, kind_of

__all__ = ["FORMATS", "PRECISIONS", "canonical_precision", "guess_format", "guess_precision", "without_precision"]

PRECISIONS = ("float32", "float16", "bfloat16", "int16", "int8", "uint8", "int4")

FORMATS = MappingProxyType(
    {
        ".onnx": "onnx",
        ".tflite": "tflite",
        ".lite": "tflite",
        ".engine": "tensorrt",
        ".plan": "tensorrt",
        ".trt": "tensorrt",
        ".xml": "openvino",
        ".blob": "myriad",
        ".param": "ncnn",
        ".mnn": "mnn",
        ".pte": "executorch",
        ".pt": "torch",
        ".pth": "torch",
        ".pb": "tensorflow",
        ".caffemodel": "caffe",
        ".weights": "darknet",
        ".mlmodel": "coreml",
        ".bin": "binary",
    }
)
"""The end of a file's name, and the format that it stands for."""

_ALIASES = MappingProxyType(
    {
        "fp32": "float32",
        "f32": "float32",
        "fp16": "float16",
        "f16": "float16",
        "half": "float16",
        "bf16": "bfloat16",
        "i16": "int16",
        "i8": "int8",
        "u8": "uint8",
        "quant": "int8",
        "quantized": "int8",
        "quantised": "int8",
        "edgetpu": "int8",
        "i4": "int4",
    }
)
_TOKENS = re.compile(r"[^A-Za-z0-9]+")


def canonical_precision(written: object) -> str:
    """`float32` of `float32` or `fp32`; `ValueError` with the near miss for anything else."""
    name = str(written).strip().lower()
    if name in PRECISIONS:
        return name
    if name in _ALIASES:
        return _ALIASES[name]
    found = f"`{written}`" if isinstance(written, str) else kind_of(written)
    raise ValueError(f"expected a precision ({', '.join(PRECISIONS)}), found {found}{did_you_mean(name, PRECISIONS)}")


def guess_format(name: str) -> str:
    """The format that a file's name tells, or nothing.

    >>> guess_format("models/digits-int8.tflite"), guess_format("notes.md")
    ('tflite', '')
    """
    return next((kind for ending, kind in FORMATS.items() if name.lower().endswith(ending)), "")


def guess_precision(name: str) -> str:
    """The precision that a file's name tells; `float32` when it tells none.

    >>> guess_precision("digits-int8.tflite"), guess_precision("kws.tflite"), guess_precision("a/int8/b_fp16.onnx")
    ('int8', 'float32', 'float16')
    """
    for token in reversed(_TOKENS.split(name.rpartition("/")[2].lower())):
        if token in PRECISIONS or token in _ALIASES:
            return _ALIASES.get(token, token)
    return "float32"


def without_precision(name: str) -> str:
    """A file's name without its ending and its precision, which is what its variants share.

    >>> without_precision('m/digits-int8.tflite'), without_precision('vww_96_int8.tflite')
    ('digits', 'vww_96')
    """
    stem = name.rpartition("/")[2]
    stem = stem.rpartition(".")[0] or stem
    words = sorted([*PRECISIONS, *_ALIASES], key=len, reverse=True)
    return re.sub(rf"(?i)[-_.]?\b_?({'|'.join(words)})$|[-_.]({'|'.join(words)})(?=[-_.]|$)", "", stem) or stem
