"""Runner files and the harness run on the interpreters that old boards carry."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import farm_agent.runners

FOLDER = Path(farm_agent.runners.__file__).parent
FILES = sorted([*FOLDER.glob("run_*.py"), *FOLDER.glob("harness/*.py")])


def python_3_6() -> str | None:
    """A real one, by PATH or below pyenv's folder of versions."""
    for found in sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.6.*/bin/python")):
        return str(found)
    return shutil.which("python3.6")


def test_there_are_files_to_check() -> None:
    assert {path.name for path in FILES} > {"run_onnxruntime.py", "run_litert.py", "loop.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_syntax_is_that_of_python_3_6(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_a_real_python_3_6_compiles_them(tmp_path: Path) -> None:
    python = python_3_6()
    if python is None:
        pytest.skip("no Python 3.6 on this machine")
    program = "import sys\nfor path in sys.argv[1:]: compile(open(path, encoding='utf-8').read(), path, 'exec')"

    done = subprocess.run([python, "-I", "-c", program, *map(str, FILES)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_of_the_agent_is_imported(path: Path) -> None:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).split(".")[0])

    assert not names & {"farm_agent", "devicefarm", "farm", "grpc", "google"}
