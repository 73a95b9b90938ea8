"""`farm --help` answers at once because it imports nothing heavy. The imports are tested, not the clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "alembic",
    "google.protobuf",
    "grpc",
    "jsonschema",
    "numpy",
    "psycopg",
    "pydantic",
    "ray",
    "rich",
    "ruamel",
    "sqlalchemy",
    "sqlmodel",
    "devicefarm",
    "farm_agent",
}


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport json, sys\nsys.stderr.write('modules ' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "modules [" in done.stderr, done.stderr
    return set(json.loads(done.stderr.split("modules ", 1)[1]))


HELP = """
import sys
from farm.cli.main import main
sys.argv = ["farm", {arguments}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import farm.cli.main", id="import"),
        pytest.param(HELP.format(arguments='"--help"'), id="farm --help"),
        pytest.param(HELP.format(arguments='"submit", "--help"'), id="farm submit --help"),
        pytest.param(HELP.format(arguments='"--version"'), id="farm --version"),
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    assert loaded_after(code) & HEAVY == set()


def test_the_check_sees_a_heavy_import() -> None:
    assert loaded_after("import numpy") & HEAVY == {"numpy"}
