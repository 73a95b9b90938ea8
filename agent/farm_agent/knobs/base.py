"""A knob: a factor of the board that an attempt may set, and must put back.

    apply -> verify (read back) -> … -> restore

What is needed to restore goes into the journal before `apply` touches anything, so that the board is put back also
after the agent was killed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["Knob"]


class Knob(ABC):
    """One factor. Values are canonical JSON, as they stand in a job's config."""

    name: str
    """As it stands in a sweep's config: `governor`. Unique on its board."""

    @abstractmethod
    def read(self) -> str:
        """The value in force, as canonical JSON; `"unknown"` where it cannot be read."""

    @abstractmethod
    def apply(self, value: str) -> None:
        """Set it. Raises `KnobError` (whose fault: job for a bad value, board for a refusal)."""

    @abstractmethod
    def restore(self, before: str) -> None:
        """Put back what `read` returned before `apply`. Must work in a fresh process."""
