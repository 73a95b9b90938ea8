"""Sweeps over the repository's own models, and a folder to spoil copies of them in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from farm.modelfiles.resolve import ResolvedFile, resolve
from farm.sweeps.load import load

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def models() -> Path:
    return MODELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with copies of the digits models, to be spoilt."""
    folder = tmp_path / "models"
    folder.mkdir()
    for path in MODELS.glob("digits-*"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., list[ResolvedFile]]:
    """Resolve one model entry as it is written, relative to a base."""

    def find(entry: str, base: Path = MODELS) -> list[ResolvedFile]:
        sweep = load(f"models:\n  digits: {entry}\naxes: {{runtime: [onnxruntime, litert]}}\n", "s.yaml")
        return resolve(sweep, base, tmp_path / "cache")

    return find
