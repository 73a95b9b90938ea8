"""A state folder may lie inside somebody's project; what that project pins is no business of a runner's environment."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from farm_agent.environments.interpreter import own_interpreter
from farm_agent.environments.uv import Uv, find_uv

pytestmark = pytest.mark.network


def test_constraints_of_a_project_are_not_applied(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\nconstraint-dependencies = ["iniconfig==2.0.0"]\n')
    scratch = tmp_path / "state" / "scratch"
    scratch.mkdir(parents=True)
    lock = Uv(find_uv(), tmp_path).resolve(["iniconfig==2.1.0"], own_interpreter(), scratch, threading.Event())
    assert "iniconfig==2.1.0" in lock
