"""Whether a TFLite file is whole: a walk over its flatbuffer that follows every offset, without reading the weights.

The layout is `Model` of TensorFlow's schema.fbs; offsets are little-endian and relative (flatbuffers' internals). A
flatbuffer has no length of its own, so a truncated file is told by an offset or a vector that leads beyond its end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap
from typing import Union

from farm.modelfiles.onnx_layout import LayoutError

__all__ = ["check_tflite"]

IDENTIFIER = b"TFL3"


@dataclass(frozen=True)
class _Bytes:
    """A string, or a vector of items of so many bytes."""

    item_bytes: int = 1


@dataclass(frozen=True)
class _Table:
    """A table: field number to what it holds. Fields that are not listed are not followed."""

    name: str
    fields: tuple[tuple[int, _Kind], ...]


@dataclass(frozen=True)
class _Tables:
    """A vector of tables."""

    of: _Table


_Kind = Union[_Bytes, _Table, _Tables]

_QUANTIZATION = _Table("quantisation", ((0, _Bytes(4)), (1, _Bytes(4)), (2, _Bytes(4)), (3, _Bytes(8))))
_TENSOR = _Table("tensor", ((0, _Bytes(4)), (3, _Bytes()), (4, _QUANTIZATION)))
_OPERATOR = _Table("operator", ((1, _Bytes(4)), (2, _Bytes(4))))
_SUBGRAPH = _Table(
    "graph", ((0, _Tables(_TENSOR)), (1, _Bytes(4)), (2, _Bytes(4)), (3, _Tables(_OPERATOR)), (4, _Bytes()))
)
_BUFFER = _Table("buffer", ((0, _Bytes()),))
_OPERATOR_CODE = _Table("operator code", ((1, _Bytes()),))
_METADATA = _Table("metadata", ((0, _Bytes()),))
_MODEL = _Table(
    "model",
    (
        (1, _Tables(_OPERATOR_CODE)),
        (2, _Tables(_SUBGRAPH)),
        (3, _Bytes()),
        (4, _Tables(_BUFFER)),
        (5, _Bytes(4)),
        (6, _Tables(_METADATA)),
    ),
)
_OPERATOR_CODES, _SUBGRAPHS, _BUFFERS = 1, 2, 4
_BUFFER_OFFSET, _BUFFER_SIZE = 1, 2
_MOST_TABLES = 1_000_000


def check_tflite(data: bytes | mmap) -> None:
    """Raises `LayoutError` when the file is truncated or has no graph."""
    walk = _Walk(data)
    if len(data) < 8 or bytes(data[4:8]) != IDENTIFIER:
        raise LayoutError("the identifier TFL3 is not at its place")
    model = walk.u32(0)
    walk.table(model, _MODEL)
    for number, what in ((_OPERATOR_CODES, "operators"), (_SUBGRAPHS, "graph"), (_BUFFERS, "buffers")):
        at = walk.field(model, number)
        if at is None or not walk.u32(walk.target(at)):
            raise LayoutError(f"it has no {what}, so it is no model")


class _Walk:
    """Reads with every place checked against the file's end."""

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data
        self._tables = 0

    def u32(self, at: int) -> int:
        return int(self._read("<I", at))

    def target(self, at: int) -> int:
        """Where the offset at this place leads."""
        return at + self.u32(at)

    def field(self, table: int, number: int) -> int | None:
        """Where a field of a table stands; None where it is left out."""
        vtable = table - int(self._read("<i", table))
        size = int(self._read("<H", vtable))
        slot = 4 + 2 * number
        offset = int(self._read("<H", vtable + slot)) if slot + 2 <= size else 0
        return table + offset if offset else None

    def table(self, at: int, kind: _Table) -> None:
        self._tables += 1
        if self._tables > _MOST_TABLES:
            raise LayoutError("it is damaged: its tables lead round in a circle")
        vtable = at - int(self._read("<i", at))
        self._need(at + int(self._read("<H", vtable + 2)), kind.name)
        if kind is _BUFFER:
            self._outside(at)
        for number, inner in kind.fields:
            place = self.field(at, number)
            if place is None:
                continue
            goal = self.target(place)
            if isinstance(inner, _Table):
                self.table(goal, inner)
            elif isinstance(inner, _Bytes):
                self._need(goal + 4 + self.u32(goal) * inner.item_bytes, kind.name)
            else:
                count = self.u32(goal)
                self._need(goal + 4 + 4 * count, kind.name)
                for index in range(count):
                    self.table(self.target(goal + 4 + 4 * index), inner.of)

    def _outside(self, buffer: int) -> None:
        """A buffer may lie behind the flatbuffer, at an offset from the file's start (for models of over 2 GB)."""
        offset, size = (self.field(buffer, number) for number in (_BUFFER_OFFSET, _BUFFER_SIZE))
        if offset is not None and size is not None:
            self._need(int(self._read("<Q", offset)) + int(self._read("<Q", size)), _BUFFER.name)

    def _read(self, form: str, at: int) -> int:
        if at < 0:
            raise LayoutError(f"it is damaged: an offset leads to {-at} bytes before its start")
        self._need(at + struct.calcsize(form), "structure")
        value: int = struct.unpack_from(form, self._data, at)[0]
        return value

    def _need(self, end: int, what: str) -> None:
        if end > len(self._data):
            missing = end - len(self._data)
            raise LayoutError(
                f"it is truncated: at least {missing} bytes of a {what} lie beyond its {len(self._data)} bytes"
            )
