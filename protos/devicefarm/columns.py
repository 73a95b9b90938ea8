"""Columns of numbers as compact bytes: raw latencies and telemetry, the same on a board, on the wire and in SQL.

Two codecs, both readable with any standard library:

`i64-delta-zlib`
    zlib over little-endian signed 64-bit differences, the first one from zero. For latencies and time stamps in
    nanoseconds. In numpy: `numpy.frombuffer(zlib.decompress(blob), "<i8").cumsum()`.
`f64-zlib`
    zlib over little-endian doubles. For readings. In numpy: `numpy.frombuffer(zlib.decompress(blob), "<f8")`.

>>> pack_integers([1_000, 1_010, 990]).hex() == pack_integers(iter([1_000, 1_010, 990])).hex()
True
>>> unpack_integers(pack_integers([1_000, 1_010, 990]))
[1000, 1010, 990]
>>> unpack_floats(pack_floats([48.3, -1.0]))
[48.3, -1.0]
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable
from itertools import accumulate

INTEGERS = "i64-delta-zlib"
FLOATS = "f64-zlib"

__all__ = ["FLOATS", "INTEGERS", "pack_floats", "pack_integers", "unpack_floats", "unpack_integers"]


def pack_integers(values: Iterable[int]) -> bytes:
    """Encode integers (each difference must fit 64 bits) as `i64-delta-zlib`."""
    differences = array("q")
    previous = 0
    for value in values:
        differences.append(value - previous)
        previous = value
    return zlib.compress(_little_endian(differences))


def unpack_integers(blob: bytes) -> list[int]:
    """Decode `i64-delta-zlib`; raises `zlib.error` or `ValueError` on a damaged blob."""
    return list(accumulate(_from_little_endian("q", blob)))


def pack_floats(values: Iterable[float]) -> bytes:
    """Encode doubles as `f64-zlib`."""
    return zlib.compress(_little_endian(array("d", values)))


def unpack_floats(blob: bytes) -> list[float]:
    """Decode `f64-zlib`; raises `zlib.error` or `ValueError` on a damaged blob."""
    return list(_from_little_endian("d", blob))


def _little_endian(numbers: array) -> bytes:  # type: ignore[type-arg]  # array[int] is no type at run time on 3.9
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _from_little_endian(typecode: str, blob: bytes) -> array:  # type: ignore[type-arg]  # as above
    numbers = array(typecode)
    numbers.frombytes(zlib.decompress(blob))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
