"""Who a thing is: canonical JSON (RFC 8785) and the digests made of it.

A job's identity is the digest of what defines its question within one run, so that submitting the same run again
creates nothing twice; a series' identity (the history of one question) leaves the run out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Union

import rfc8785

__all__ = ["Json", "canonical_json", "digest"]

Json = Union[None, bool, int, float, str, Sequence["Json"], Mapping[str, "Json"]]


def canonical_json(value: Json) -> str:
    """The one way to write a value as JSON: sorted keys, no spaces, ECMAScript numbers.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return rfc8785.dumps(value).decode()


def digest(value: Json) -> str:
    """sha256 of the canonical JSON, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
