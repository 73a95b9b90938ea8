"""Any executable as a job, and all the ways in which it can go wrong."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from devicefarm import columns
from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.boards.base import RunnerEvent
from farm_agent.environments.host import HostExecutor
from farm_agent.errors import AttemptError, CancelledError

from .conftest import RunCommand

PYTHON = (sys.executable, "-I", "-u", "-c")


def test_latencies_become_a_result(run_command: RunCommand) -> None:
    result = run_command(
        *PYTHON,
        "import json\n"
        "print('banner of the vendor')\n"
        "for i in range(3): print(json.dumps({'latency_ns': 1000 + i}))\n"
        "print(json.dumps({'load_s': 0.5, 'facts': {'library': '1.2'}}))",
    )

    assert columns.unpack_integers(result.latency_ns) == [1000, 1001, 1002]
    assert result.count == 3
    assert result.measure_s == pytest.approx(3.003e-6)
    assert result.load_s == 0.5
    assert result.runtime_facts == {"library": "1.2"}
    assert result.log_tail == "banner of the vendor\n"


def test_placeholders_are_filled_in(run_command: RunCommand, tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    result = run_command(
        *PYTHON,
        "import json, sys; print(json.dumps({'latency_ns': 1, 'facts': {'argv': ' '.join(sys.argv[1:])}}))",
        "{model}",
        "-t{threads}",
        "{batch}",
        "{min_duration_s}",
        "{unknown}",
        model=model,
        threads=4,
        batch=8,
    )

    assert result.runtime_facts["argv"] == f"{model} -t4 8 2.5 {{unknown}}"


def test_it_is_told_how_many_threads_it_may_use(run_command: RunCommand) -> None:
    program = "import json, os; print(json.dumps({'latency_ns': 1, 'facts': dict(os.environ)}))"
    facts = run_command(*PYTHON, program, threads=3).runtime_facts

    assert facts["OMP_NUM_THREADS"] == facts["OPENBLAS_NUM_THREADS"] == "3"
    assert facts["TMPDIR"].endswith("launch")
    assert "PYTEST_CURRENT_TEST" not in facts


def test_phases_and_progress_are_passed_on(run_command: RunCommand) -> None:
    events: list[RunnerEvent] = []
    run_command(
        *PYTHON,
        """print('{"event": "phase", "phase": "verify"}')\n"""
        """print('{"event": "progress", "fraction": 0.5}')\nprint('{"latency_s": 1}')""",
        on_event=events.append,
    )

    assert [(event.phase, event.fraction) for event in events] == [("measure", 0), ("verify", 0), ("verify", 0.5)]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.stderr.write('no such device\\n'); sys.exit(3)", "exit status 3"),
        ("import os; os.abort()", "crashed with SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "crashed with SIGSEGV"),
        ("print('hello')", "printed no latency; it printed: hello"),
        ("pass", "printed no latency; it printed nothing"),
        ("print('{\"latency_ns\": -5}')", "latency_ns = -5"),
        ("print('{\"latency_ns\": 5}'); raise SystemExit(1)", "exit status 1"),
        ("print('{\"latency_ns\": 5}\\n[1]\\n{]')", ""),
    ],
)
def test_every_end_has_its_words(run_command: RunCommand, program: str, words: str) -> None:
    if not words:
        assert run_command(*PYTHON, program).count == 1
        return
    with pytest.raises(AttemptError, match=words) as caught:
        run_command(*PYTHON, program)
    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED
    assert caught.value.kind == attempt_pb2.ERROR_KIND_JOB


def test_the_end_of_the_log_comes_with_the_failure(run_command: RunCommand) -> None:
    with pytest.raises(AttemptError) as caught:
        run_command(*PYTHON, "import sys; sys.stderr.write('no such device\\n'); sys.exit(3)")
    assert caught.value.log_tail == "no such device\n"


def test_it_may_say_itself_that_it_is_unsupported(run_command: RunCommand) -> None:
    said = {"event": "failure", "outcome": "unsupported", "message": "this board has no NPU"}
    with pytest.raises(AttemptError, match="this board has no NPU") as caught:
        run_command(*PYTHON, f"print({json.dumps(said)!r}); raise SystemExit(1)")
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED


def test_a_file_that_cannot_be_executed(run_command: RunCommand, tmp_path: Path) -> None:
    program = tmp_path / "bench"
    program.write_bytes(b"\x7fELF not really")
    program.chmod(0o755)

    with pytest.raises(AttemptError, match="cannot be started") as caught:
        run_command(str(program))
    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED


def test_memory_is_limited(run_command: RunCommand) -> None:
    with pytest.raises(AttemptError, match="limit is 100 MiB"):
        run_command(*PYTHON, "import time; held = bytearray(300 << 20); time.sleep(60)", memory_bytes=100 << 20)


def test_its_peak_memory_is_its_own_and_not_the_agents(run_command: RunCommand) -> None:
    ballast = bytearray(b"x") * (200 << 20)
    result = run_command("sh", "-c", """sleep 0.3; echo '{"latency_ns": 5}'""")

    assert 0 < result.peak_rss_bytes < 50 << 20
    assert len(ballast) == 200 << 20


def test_a_cancel_is_a_cancel(run_command: RunCommand) -> None:
    cancel = threading.Event()

    def stop(event: RunnerEvent) -> None:
        if event.fraction > 0:
            cancel.set()

    program = """import time; print('{"event": "progress", "fraction": 0.5}'); time.sleep(60)"""
    with pytest.raises(CancelledError):
        run_command(*PYTHON, program, on_event=stop, cancel=cancel)


@pytest.mark.parametrize(
    ("config", "model", "kind", "words"),
    [
        (job_pb2.Config(runtime="tensorrt"), None, 1, "no runner for tensorrt"),
        (job_pb2.Config(runtime="litert"), job_pb2.Model(format="onnx"), 1, "cannot read a model of format onnx"),
        (job_pb2.Config(runtime="litert"), None, 1, "format unknown"),
        (job_pb2.Config(runtime="command"), None, 4, "scenario server"),
        (job_pb2.Config(runtime="litert", build="neon"), job_pb2.Model(format="tflite"), 1, "no build variant neon"),
    ],
)
def test_what_cannot_run_here_is_said_before_anything_is_fetched(
    executor: HostExecutor, config: job_pb2.Config, model: job_pb2.Model | None, kind: int, words: str
) -> None:
    spec = job_pb2.JobSpec(config=config, model=model, scenario=job_pb2.Scenario(kind=kind))  # type: ignore[arg-type]

    def fetch(artifact: job_pb2.ArtifactRef) -> Path:
        raise AssertionError(artifact)

    with pytest.raises(AttemptError, match=words) as caught:
        executor.prepare(spec, fetch, lambda note: None, threading.Event())
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED


def test_this_machine_offers_its_runtimes(executor: HostExecutor) -> None:
    offers = {offer.runtime: offer for offer in executor.offers()}

    assert list(offers["onnxruntime"].formats) == ["onnx"]
    assert list(offers["command"].formats) == []
    assert offers["command"].unavailable_reason == ""
