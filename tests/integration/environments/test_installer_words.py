"""An installer's failure, in its own words as recorded, becomes an outcome."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.environments.installer import run_installer
from farm_agent.environments.locks import check_requirement
from farm_agent.errors import AttemptError

FULL = "error: Failed to install: numpy-2.4.6-cp311.whl\n  cause: failed to copy: No space left on device (os error 28)"
ODD_INTERPRETER = "error: Querying Python at `/usr/bin/python3` failed with exit status exit status: 127"


def fail(tmp_path: Path, words: str) -> AttemptError:
    script = tmp_path / "uv"
    script.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{words}\nEND\nexit 2\n")
    script.chmod(0o755)
    with pytest.raises(AttemptError) as caught:
        run_installer([str(script)], tmp_path, "onnxruntime", threading.Event())
    return caught.value


def test_a_full_disk_is_nobodys_job(tmp_path: Path) -> None:
    error = fail(tmp_path, FULL)

    assert error.kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert error.message.startswith("the disk is full")
    assert "make room" in error.hint


def test_an_unknown_failure_keeps_its_words(tmp_path: Path) -> None:
    error = fail(tmp_path, ODD_INTERPRETER)

    assert error.kind == attempt_pb2.ERROR_KIND_INFRASTRUCTURE
    assert "Querying Python at `/usr/bin/python3` failed" in error.message


def test_a_long_story_is_cut_in_its_middle(tmp_path: Path) -> None:
    error = fail(tmp_path, "error: " + "versions " * 2000 + "are available")

    assert len(error.message) < 1200
    assert error.message.endswith("are available")


def test_an_installer_sees_no_environment_of_its_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "UV_PYTHON", "CONDA_PREFIX"):
        monkeypatch.setenv(name, "/somewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")

    seen = run_installer(["/usr/bin/env"], tmp_path, "nothing", threading.Event())

    assert "/somewhere" not in seen
    assert "HTTPS_PROXY=http://proxy.example" in seen


@pytest.mark.parametrize(
    "requirement",
    ["onnxruntime", "onnxruntime==1.20.*", "onnxruntime>=1.20,<1.22", "a[b,c]~=1.0", "onnxruntime == 1.2"],
)
def test_names_with_versions_are_requirements(requirement: str) -> None:
    check_requirement(requirement)


@pytest.mark.parametrize(
    "requirement",
    ["-r other.txt", "--index-url=http://x", "a @ http://x/a.whl", "./a.whl", "a\n--pre", "a; sys_platform", "", "=="],
)
def test_options_addresses_and_files_are_not(requirement: str) -> None:
    with pytest.raises(AttemptError, match="is not a requirement"):
        check_requirement(requirement)
