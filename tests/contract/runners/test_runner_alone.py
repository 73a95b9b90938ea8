"""A runner file by itself, without an agent around it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from farm_agent.environments.launching import request_of
from farm_agent.runners.catalog import LITERT, ONNXRUNTIME, RunnerKind

from .conftest import Bench


@pytest.fixture(params=[ONNXRUNTIME, LITERT], ids=lambda kind: kind.name)
def runner(request: pytest.FixtureRequest, bench: Bench, models: Path, tmp_path: Path) -> list[str]:
    """The command line of a long launch, in the interpreter of these tests, which has both runtimes."""
    kind: RunnerKind = request.param
    model = models / f"digits-float32.{kind.formats[0]}"
    spec = bench.spec(kind.name, model, min_duration_s=50, max_warmup_s=0)
    (tmp_path / "request.json").write_text(json.dumps(request_of(spec, model, None, verify=False)))
    return [sys.executable, "-I", str(kind.file), "request.json"]


def test_it_ends_by_itself_when_its_agent_is_gone(runner: list[str], tmp_path: Path) -> None:
    """Else it would disturb the next measurement until the agent is back and finds it."""
    with subprocess.Popen(runner, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b'"measure"' not in process.stdout.readline():
            assert process.poll() is None
        process.stdout.close()

        assert process.wait(timeout=30) == 1
        assert b"the agent is gone" in process.stderr.read()


def test_what_a_runtime_prints_never_becomes_an_event(tmp_path: Path) -> None:
    """Standard output belongs to the events; prints of libraries, native ones too, go to the log."""
    program = (
        f"import sys; sys.path.append({str(ONNXRUNTIME.file.parent if ONNXRUNTIME.file else '')!r})\n"
        "import os\n"
        "from harness.protocol import Events\n"
        "events = Events()\n"
        "print('from Python', flush=True)\n"
        "os.write(1, b'from C\\n')\n"
        "events.progress(0.5)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == {"event": "progress", "fraction": 0.5, "note": ""}
    assert done.stderr == "from Python\nfrom C\n"


def test_a_request_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"version": 9}')
    done = subprocess.run(
        [sys.executable, "-I", str(LITERT.file), str(tmp_path / "request.json")], capture_output=True, text=True
    )

    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["event"], said["kind"]) == ("failure", "agent")
