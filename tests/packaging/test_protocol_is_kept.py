"""The check that keeps old agents working: it passes on what is here, and bites on what would break them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).parents[2] / "protos"
BUF = Path(sys.executable).with_name("buf")
BROKEN = 100


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    shutil.copytree(PROTOS, tmp_path / "protos", ignore=shutil.ignore_patterns("*.py", "*.pyi", "__pycache__"))
    return tmp_path / "protos"


def breaking(protos: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BUF), "breaking", str(protos), "--against", str(PROTOS / "baseline.binpb")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def edit(protos: Path, file: str, before: str, after: str) -> None:
    path = protos / "devicefarm" / "v1" / file
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def test_the_protocol_breaks_nothing_that_was_released(changed: Path) -> None:
    done = breaking(changed)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param("uint64 fence = 2;\n}", "string fence = 2;\n}", "fence", id="another type"),
        pytest.param("  double attempt_s = 1;\n", "", "attempt_s", id="a field is gone"),
        pytest.param("  SCENARIO_KIND_SOAK = 5;\n", "", "SCENARIO_KIND_SOAK", id="a value is gone"),
    ],
)
def test_what_would_break_a_board_is_noticed(changed: Path, before: str, after: str, said: str) -> None:
    edit(changed, "job.proto", before, after)
    done = breaking(changed)
    assert done.returncode == BROKEN
    assert said in done.stdout + done.stderr


def test_a_new_field_is_welcome(changed: Path) -> None:
    edit(changed, "job.proto", "  uint32 repeat = 10;\n", "  uint32 repeat = 10;\n  string colour = 999;\n")
    assert breaking(changed).returncode == 0
