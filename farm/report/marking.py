"""Simulated and emulated boards are marked wherever they are named."""

from __future__ import annotations

from rich.text import Text

from farm.model.board import Provenance

__all__ = ["marked", "marked_name"]


def marked_name(name: str, provenance: Provenance) -> str:
    """
    >>> marked_name("shelf-1", Provenance.EMULATED), marked_name("pi4 (simulated)", Provenance.SIMULATED)
    ('shelf-1 (emulated)', 'pi4 (simulated)')
    """
    if provenance is Provenance.HARDWARE or provenance.value in name:
        return name
    return f"{name} ({provenance.value})"


def marked(name: str, provenance: Provenance) -> Text:
    """The same in colour."""
    return Text(marked_name(name, provenance), style="" if provenance is Provenance.HARDWARE else "magenta")
