"""Whether an ONNX file is whole: a walk over its protobuf fields and their lengths, without reading the weights.

An ONNX file is one `ModelProto` message (onnx.proto3 of the ONNX project): `ir_version` is field 1, `graph` field 7,
`opset_import` field 8. Protobuf has no end mark, so a truncated file is told by a length that leads beyond its end, or
by the opset that is no longer there. Only a cut that falls exactly between two fields behind the first opset goes
unnoticed (second opsets, metadata): such a file may even run.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

__all__ = ["LayoutError", "check_onnx"]

_IR_VERSION, _GRAPH, _OPSET_IMPORT = 1, 7, 8
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14
_KEY_VALUE_KEY, _KEY_VALUE_VALUE = 1, 2
_EXTERNAL = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class LayoutError(Exception):
    """What is wrong with the file's inner make-up, in words: `it is truncated: …`."""


def check_onnx(data: bytes | mmap) -> None:
    """Raises `LayoutError` when the file is truncated, has no graph, or keeps its weights in another file."""
    seen: set[int] = set()
    for field, start, end in _fields(data, 0, len(data)):
        seen.add(field)
        if field == _GRAPH:
            _check_graph(data, start, end)
    if _IR_VERSION not in seen or _GRAPH not in seen:
        raise LayoutError("it has no graph, so it is no ONNX model, or a truncated one")
    if _OPSET_IMPORT not in seen:
        raise LayoutError("it is truncated: the operator set that stands behind the graph is missing")


def _check_graph(data: bytes | mmap, start: int, end: int) -> None:
    nodes = 0
    for field, inner_start, inner_end in _fields(data, start, end):
        nodes += field == _GRAPH_NODE
        if field == _GRAPH_INITIALIZER:
            _check_tensor(data, inner_start, inner_end)
    if not nodes:
        raise LayoutError("its graph has no operators")


def _check_tensor(data: bytes | mmap, start: int, end: int) -> None:
    location = ""
    external = False
    for field, inner_start, inner_end in _fields(data, start, end):
        if field == _TENSOR_DATA_LOCATION:
            external = _varint(data, inner_start, inner_end)[0] == _EXTERNAL
        if field == _TENSOR_EXTERNAL_DATA:
            entry = {number: bytes(data[first:last]) for number, first, last in _fields(data, inner_start, inner_end)}
            if entry.get(_KEY_VALUE_KEY) == b"location":
                location = entry.get(_KEY_VALUE_VALUE, b"").decode("utf-8", "replace")
    if external:
        raise LayoutError(
            f"its weights lie in another file (`{location}`); save it as one file: "
            "`onnx.save(onnx.load(path), path, save_as_external_data=False)`"
        )


def _fields(data: bytes | mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the content of each field between two places."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            first = at
            _, at = _varint(data, at, end)
        elif kind == _BYTES:
            length, first = _varint(data, at, end)
            at = first + length
        elif kind in {_FIXED64, _FIXED32}:
            first = at
            at += 8 if kind == _FIXED64 else 4
        else:
            raise LayoutError(f"it is damaged at byte {at}: no such field type as {kind}")
        if not field:
            raise LayoutError(f"it is damaged at byte {at}: there is no field 0")
        if at > end:
            raise LayoutError(f"it is truncated: {at - end} bytes are missing from the {len(data)} that are there")
        yield field, first, at


def _varint(data: bytes | mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end:
            raise LayoutError(f"it is truncated at byte {at}, in the middle of a number")
        if shift > 63:
            raise LayoutError(f"it is damaged at byte {at}: a number without end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
