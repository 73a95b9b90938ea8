"""A runner file that breaks its contract, or hangs, costs one attempt."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from devicefarm import columns
from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.boards.base import LaunchRequest, LaunchResult
from farm_agent.environments.host import HostExecutor
from farm_agent.errors import AttemptError
from farm_agent.runners.catalog import RunnerKind

pytestmark = pytest.mark.network

Launch = Callable[..., LaunchResult]

GOOD = {
    "event": "result",
    "load_s": 0.1,
    "first_inference_s": 0.1,
    "warmup_count": 1,
    "warmup_s": 0.1,
    "measure_started_s": 1.0,
    "measure_s": 0.1,
    "count": 2,
    "peak_rss_bytes": 1,
    "conversion_s": 0.1,
    "overhead_s": 0.1,
    "facts": {"version": "1"},
}
WRITE = "import struct; open('latencies.u64', 'wb').write(struct.pack('<2Q', 5, 7))\n"


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Launch a runner file of this text, in an environment of its own."""

    def launch(text: str, silence_s: float = 60.0, python: str = "") -> LaunchResult:
        file = tmp_path / "run_odd.py"
        file.write_text(text)
        kind = RunnerKind(
            "odd",
            ("odd",),
            (("iniconfig==2.1.0",),),
            imports=("iniconfig",),
            file=file,
            silence_s=silence_s,
            python=python,
        )
        executor = HostExecutor(tmp_path / "state", {"odd": kind})
        spec = job_pb2.JobSpec(
            model=job_pb2.Model(format="odd", artifact=job_pb2.ArtifactRef(name="m")),
            config=job_pb2.Config(runtime="odd", options={"level": '"high"'}),
            scenario=job_pb2.Scenario(kind=job_pb2.SCENARIO_KIND_OFFLINE, seed=7),
        )
        job = executor.prepare(spec, lambda artifact: tmp_path / "model.odd", lambda note: None, threading.Event())
        assert job.facts["wheel.iniconfig"] == "2.1.0"
        assert "iniconfig==2.1.0" in executor.lock_text(job.environment)
        work_dir = tmp_path / "work"
        work_dir.mkdir()
        return executor.launch(LaunchRequest(job, 0, True, work_dir), lambda event: None, threading.Event())

    return launch


def test_a_result_is_what_the_file_and_the_event_say(launch: Launch) -> None:
    result = launch(WRITE + f"print('''{json.dumps(GOOD)}''')")

    assert columns.unpack_integers(result.latency_ns) == [5, 7]
    assert result.runtime_facts == {"version": "1"}
    assert (result.matches, result.top1_agreement) == (None, None)


def test_a_crash_after_the_result_leaves_the_number_and_is_on_record(launch: Launch) -> None:
    result = launch(WRITE + f"print('''{json.dumps(GOOD)}'''); import os; os.abort()")

    assert result.count == 2
    assert result.runtime_facts["exit"] == "-6"


def test_the_request_is_the_job(launch: Launch, tmp_path: Path) -> None:
    with pytest.raises(AttemptError):
        launch("import shutil, sys; shutil.copy(sys.argv[1], '../seen.json')")
    seen = json.loads((tmp_path / "seen.json").read_text())

    assert seen["version"] == 1
    assert seen["model"] == str(tmp_path / "model.odd")
    assert seen["options"] == {"level": "high"}
    assert (seen["batch"], seen["threads"], seen["golden"]) == (1, 1, None)
    assert (seen["scenario"]["kind"], seen["scenario"]["seed"]) == ("offline", 7)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pass", "ended without a result"),
        (f"print('''{json.dumps(GOOD)}''')", "does not keep the contract: .*latencies.u64"),
        (WRITE + f"print('''{json.dumps({**GOOD, 'count': 3})}''')", "2 latencies in the file, 3 in the result"),
        (WRITE + f"print('''{json.dumps({**GOOD, 'measure_s': -1})}''')", "measure_s is -1"),
        (WRITE + f"print('''{json.dumps({**GOOD, 'load_s': 'fast'})}''')", "load_s is 'fast'"),
        (WRITE + """print('{"event": "result", "count": 2}')""", "load_s"),
    ],
)
def test_a_broken_contract_is_not_the_jobs_fault(launch: Launch, text: str, words: str) -> None:
    with pytest.raises(AttemptError, match=words) as caught:
        launch(text)
    assert caught.value.kind == attempt_pb2.ERROR_KIND_AGENT


def test_a_hang_is_ended_and_says_in_which_phase(launch: Launch) -> None:
    text = """import time; print('{"event": "phase", "phase": "warmup"}'); time.sleep(60)"""
    with pytest.raises(AttemptError, match=r"said nothing for 0.5 s in the phase warmup") as caught:
        launch(text, silence_s=0.5)
    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED


def test_its_failure_is_told_in_its_own_words(launch: Launch) -> None:
    said = {"event": "failure", "outcome": "unsupported", "kind": "board", "message": "no stick", "hint": "plug it in"}
    with pytest.raises(AttemptError, match="no stick") as caught:
        launch(f"print('''{json.dumps(said)}'''); raise SystemExit(1)")
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED
    assert caught.value.kind == attempt_pb2.ERROR_KIND_BOARD
    assert caught.value.hint == "plug it in"


def test_a_runner_may_need_an_interpreter_of_its_own(launch: Launch) -> None:
    asked = f"{sys.version_info[0]}.{sys.version_info[1]}"
    result = launch(
        WRITE
        + f"import json, sys\nsaid = json.loads('''{json.dumps(GOOD)}''')\n"
        + "said['facts']['python'] = '%d.%d' % sys.version_info[:2]\nprint(json.dumps(said))",
        python=asked,
    )

    assert result.runtime_facts["python"] == asked


def test_an_interpreter_that_no_board_has_makes_it_unsupported(launch: Launch) -> None:
    with pytest.raises(AttemptError, match=r"odd needs Python 3\.2 and this board has none") as caught:
        launch("pass", python="3.2")
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED
