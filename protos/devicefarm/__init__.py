"""What an agent and a coordinator say to each other: the committed stubs of `devicefarm.v1`, and the column codec."""

from __future__ import annotations

PROTOCOL = 1
"""Raised when a peer of the other number could not be understood; both sides say theirs in the first message."""

__all__ = ["PROTOCOL"]
