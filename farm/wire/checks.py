"""What a field may hold. Each check returns the value, or raises `WireError` that names the field.

The bounds are those of the store: SQL's signed 64-bit integers, and texts without NUL, which PostgreSQL refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from farm.errors import WireError

_LARGEST = 2**63 - 1
_LARGEST_SMALL = 2**31 - 1
_LONGEST_NAME = 512
_SHA256 = re.compile(r"[0-9a-f]{64}")


def whole(value: int, field: str) -> int:
    """An unsigned number that fits a signed 64-bit column."""
    if value > _LARGEST:
        raise WireError(f"{field} is {value}; at most {_LARGEST} was expected.")
    return value


def small(value: int, field: str) -> int:
    """An unsigned number that fits a signed 32-bit column."""
    if value > _LARGEST_SMALL:
        raise WireError(f"{field} is {value}; at most {_LARGEST_SMALL} was expected.")
    return value


def finite(value: float, field: str) -> float:
    """A duration or another quantity: finite and not negative."""
    if not 0.0 <= value < math.inf:
        raise WireError(f"{field} is {value}; a finite number that is not negative was expected.")
    return value


def name(value: str, field: str) -> str:
    """An identity: not empty, of a sensible length, without control characters."""
    if not value:
        raise WireError(f"{field} is empty.")
    if len(value) > _LONGEST_NAME:
        raise WireError(f"{field} has {len(value)} characters; at most {_LONGEST_NAME} were expected.")
    if not value.isprintable():
        raise WireError(f"{field} is {value!r}; printable characters were expected.")
    return value


def text(value: str) -> str:
    """Free text. A crashing runner may well log NULs: they become U+FFFD."""
    return value.replace("\0", "\ufffd") if "\0" in value else value


def sha256(value: str, field: str) -> str:
    """A digest in 64 lower-case hexadecimal digits."""
    if _SHA256.fullmatch(value) is None:
        raise WireError(f"{field} is {value[:80]!r}; 64 lower-case hexadecimal digits were expected.")
    return value


def mapping(values: Mapping[str, str]) -> dict[str, str]:
    """Free text by free text."""
    return {text(key): text(value) for key, value in values.items()} if values else {}
