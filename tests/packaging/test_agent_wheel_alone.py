"""A board gets the agent without the farm: two wheels, grpcio, protobuf, and nothing heavier."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

pytestmark = [pytest.mark.slow, pytest.mark.network]

Run = Callable[..., str]

IMPORT_EVERYTHING = """
import importlib, importlib.util, json, pathlib, sys
import farm_agent
root = pathlib.Path(farm_agent.__file__).parent
names = []
for path in sorted(root.rglob("*.py")):
    inside = path.relative_to(root).with_suffix("")
    if inside.parts[:2] == ("runners", "harness") or inside.name.startswith("run_") or inside.name == "__main__":
        continue  # these run in the environments of the runtimes, not in the agent's
    parts = inside.parts[:-1] if inside.name == "__init__" else inside.parts
    names.append(".".join(("farm_agent",) + parts))
for name in names:
    importlib.import_module(name)
unwanted = ("ray", "numpy", "sqlalchemy", "sqlmodel", "alembic", "pydantic", "typer", "rich", "farm")
print(json.dumps({
    "python": list(sys.version_info[:2]),
    "imported": names,
    "loaded": [name for name in unwanted if name in sys.modules],
    "found": [name for name in unwanted if importlib.util.find_spec(name)],
}))
"""


def interpreters() -> dict[str, str]:
    """This one, and the oldest that the agent supports where it is installed; none is downloaded for it.

    Where it is not, `.ci/run` still judges the agent's syntax and library use for it.
    """
    command = [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", "3.9"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"this": sys.executable, **({"3.9": found.stdout.strip()} if found.returncode == 0 else {})}


@pytest.fixture(scope="module", params=list(interpreters().values()), ids=list(interpreters()))
def board(
    request: pytest.FixtureRequest, uv: str, run: Run, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An environment with the agent's wheels in it, far from this checkout."""
    folder = tmp_path_factory.mktemp("board")
    python = folder / "venv" / "bin" / "python"
    run(uv, "venv", "--quiet", "--no-project", "--python", request.param, folder / "venv", cwd=folder)
    agent, protos = wheels["edge-device-farm-agent"], wheels["edge-device-farm-protos"]
    run(uv, "pip", "install", "--quiet", "--python", python, agent, protos, cwd=folder)
    return folder


def test_every_module_of_the_agent_imports_without_the_farm(board: Path, run: Run) -> None:
    said = json.loads(run(board / "venv/bin/python", "-I", "-c", IMPORT_EVERYTHING, cwd=board))
    assert "farm_agent.cli" in said["imported"]
    assert len(said["imported"]) > 20
    assert said["loaded"] == []
    assert said["found"] == []


def test_the_command_explains_itself(board: Path, run: Run) -> None:
    shown = run(board / "venv/bin/farm-agent", "--help", cwd=board)
    assert "--join" in shown


def test_kinds_of_boards_and_runners_are_found(board: Path, run: Run) -> None:
    """By their entry points, as the agent finds them."""
    show = """
import json, sys
from importlib.metadata import entry_points
found = entry_points()
groups = ("farm_agent.boards", "farm_agent.runners")
points = {g: found.select(group=g) if hasattr(found, "select") else found.get(g, ()) for g in groups}
print(json.dumps({g: {p.name: bool(p.load()) for p in found} for g, found in points.items()}))
"""
    said = json.loads(run(board / "venv/bin/python", "-I", "-c", show, cwd=board))
    assert {"linux", "simulated"} <= set(said["farm_agent.boards"])
    assert {"onnxruntime", "litert", "command"} <= set(said["farm_agent.runners"])


def test_each_wheel_holds_its_own_package_and_no_other(wheels: dict[str, Path]) -> None:
    packages = {}
    for name, path in wheels.items():
        with zipfile.ZipFile(path) as archive:
            tops = {entry.split("/")[0] for entry in archive.namelist()}
        packages[name] = {top for top in tops if not top.endswith(".dist-info")}
    assert packages == {
        "edge-device-farm": {"farm"},
        "edge-device-farm-agent": {"farm_agent"},
        "edge-device-farm-protos": {"devicefarm"},
    }


def test_the_agents_wheel_carries_the_runner_files(wheels: dict[str, Path]) -> None:
    """They are started as programs, so nothing would miss them before a job does."""
    with zipfile.ZipFile(wheels["edge-device-farm-agent"]) as archive:
        files = set(archive.namelist())
    source = Path(__file__).parents[2] / "agent"
    expected = {str(path.relative_to(source)) for path in (source / "farm_agent").rglob("*.py")}
    assert expected <= files
