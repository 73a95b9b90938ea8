"""Every dependency is pinned, and the check that says so notices one that is not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pins() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text()
    arrays = re.findall(r"^(?:build-)?constraint-dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert len(arrays) == 2
    return [line.strip().strip(",")[1:-1] for array in arrays for line in array.splitlines()]


def test_pins_are_exact_versions_and_no_addresses() -> None:
    assert len(pins()) > 50
    for pin in pins():
        assert re.fullmatch(r"[A-Za-z0-9-]+==[0-9][A-Za-z0-9.+]*(; .+)?", pin), pin
        assert "://" not in pin


@pytest.mark.slow
@pytest.mark.network
def test_a_dependency_without_a_pin_is_noticed(tmp_path: Path, uv: str) -> None:
    for file in (".ci/pin.py", "pyproject.toml", "README.md", "agent/pyproject.toml", "protos/pyproject.toml"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    project = tmp_path / "pyproject.toml"
    kept = [line for line in project.read_text().splitlines() if not line.strip().startswith('"pluggy==')]
    project.write_text("\n".join(kept))
    command = [uv, "run", "--no-project", "--script", str(tmp_path / ".ci" / "pin.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "pluggy==" in done.stdout
    assert "needed and not pinned" in done.stdout
