"""What a board says, made fit for any database, so that one odd record cannot hold up the others of its transaction.

PostgreSQL refuses NUL characters and SQLite stores NaN as NULL; neither takes an integer of more than 64 bits or half
of a surrogate pair. Here they become U+FFFD, None and the nearest 64-bit number, alike for both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

__all__ = ["INT64_MAX", "compact", "compact_map", "finite", "is_storable", "plain", "plain_map", "whole"]

INT64_MAX = 2**63 - 1


def plain(text: str) -> str:
    r"""Text without NUL and lone surrogates.

    >>> plain("a\0b\udc80") == "a\ufffdb?"
    True
    """
    if not text:
        return text
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def plain_map(values: Mapping[str, str]) -> dict[str, str]:
    """The same for keys and values."""
    return {plain(key): plain(value) for key, value in values.items()}


def is_storable(text: str) -> bool:
    r"""Whether the text can be a key: `plain` would leave it as it is.

    >>> is_storable("0f"), is_storable("a\0")
    (True, False)
    """
    return plain(text) == text


def finite(number: float | None) -> float | None:
    """The number, or None for what is not one.

    >>> finite(1.5), finite(float("nan")), finite(float("inf"))
    (1.5, None, None)
    """
    return number if number is not None and math.isfinite(number) else None


def whole(number: int) -> int:
    """The nearest integer of 64 bits with a sign.

    >>> whole(2**64) == INT64_MAX
    True
    """
    return min(max(number, -INT64_MAX - 1), INT64_MAX)


_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode


def compact(value: object) -> str:
    """JSON without spaces, keys sorted. For what no digest is made of.

    >>> compact({"b": (1, 2), "a": None}), compact(()), compact({})
    ('{"a":null,"b":[1,2]}', '[]', '{}')
    """
    if not value and isinstance(value, (dict, list, tuple)):
        # Most of what a no-op record holds; making an encoder for it costs more than all else here.
        return "{}" if isinstance(value, dict) else "[]"
    return plain(_encode(value))


def compact_map(values: Mapping[str, str]) -> str:
    r"""`compact(plain_map(values))`, which for most maps needs no look at each text.

    >>> compact_map({"b": "1", "a": "\0"})
    '{"a":"\ufffd","b":"1"}'
    """
    text = compact(dict(values))
    return text if text.isascii() and r"\u0000" not in text else compact(plain_map(values))
