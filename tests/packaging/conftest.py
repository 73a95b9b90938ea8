"""The wheels as they would be published, built once for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


Run = Callable[..., str]


@pytest.fixture(scope="session")
def uv() -> str:
    """The binary that the farm depends on."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    return found or pytest.fail("uv is a dependency of the farm and is not installed; `uv sync` puts it there")


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command that must succeed, in an environment that knows nothing of this checkout; its standard output."""

    def run(*command: str | Path, cwd: Path) -> str:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        kept.pop("VIRTUAL_ENV", None)
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def wheels(uv: str, run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Distribution name to its wheel."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in ("edge-device-farm", "edge-device-farm-agent", "edge-device-farm-protos"):
        run(uv, "build", "--quiet", "--wheel", "--package", package, "--out-dir", folder, ROOT, cwd=folder)
    return {path.name.split("-")[0].replace("_", "-"): path for path in sorted(folder.glob("*.whl"))}
