"""How a real agent ends: by signals, with its parent, refused by its own state folder or by bad options."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devicefarm.v1 import attempt_pb2, gateway_pb2


def test_an_idle_agent_says_goodbye_and_ends(coordinator: Any, agent: Any) -> None:
    coordinator.ready()
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    coordinator.until(lambda: coordinator.all("draining"), "a goodbye")
    assert coordinator.all("draining")[0].reason == "SIGTERM"


def test_the_first_signal_lets_a_running_attempt_finish(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    (agent.bench / "temperature").write_text("80")
    spec = job("running", knobs={"level": 5})
    spec.gate.start_below_c = 60.0
    spec.gate.timeout_s = 60.0
    lease = coordinator.assign(agent.board_id, spec)
    coordinator.phase(lease, attempt_pb2.PHASE_COOL)
    agent.signal(signal.SIGTERM)
    coordinator.until(lambda: coordinator.all("draining"), "the drain")
    (agent.bench / "temperature").write_text("50")
    record = coordinator.record(lease)
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert record.context_before.fields["gate.outcome"] == "met"
    assert agent.exit_code() == 0
    assert len(coordinator.all("ready")) == 1
    assert agent.spooled() == []


def test_a_job_that_comes_while_it_ends_is_given_back_and_does_not_count(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.ready()
    running = coordinator.assign(agent.board_id, job("running", {"stop_in": "measure"}))
    coordinator.phase(running, attempt_pb2.PHASE_MEASURE)
    agent.signal(signal.SIGTERM)
    coordinator.until(lambda: coordinator.all("draining"), "the drain")
    late = coordinator.assign(agent.board_id, job("late"))
    coordinator.stream.send(cancel=gateway_pb2.CancelAttempt(lease=running.to_message(), reason="enough"))
    record = coordinator.record(late)
    assert record.outcome == attempt_pb2.OUTCOME_CANCELLED
    assert record.error_kind == attempt_pb2.ERROR_KIND_AGENT
    assert not record.launches


def test_a_drain_ends_at_its_time_out(coordinator: Any, make_agent: Any, job: Any) -> None:
    agent = make_agent("--drain-timeout", "0.3").start()
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("endless", {"stop_in": "measure"}, {"level": 5}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    agent.signal(signal.SIGTERM)
    record = coordinator.record(lease)
    assert record.outcome == attempt_pb2.OUTCOME_CANCELLED
    assert record.error_kind == attempt_pb2.ERROR_KIND_AGENT
    assert "drain time-out of 0.3 s is up" in record.error
    assert agent.exit_code() == 0
    assert agent.knob() == '"as-it-was"'


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_stops_at_once_and_still_puts_the_board_back(
    second: signal.Signals, coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("endless", {"stop_in": "measure"}, {"level": 5}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    agent.signal(signal.SIGTERM)
    coordinator.until(lambda: coordinator.all("draining"), "the drain")
    agent.signal(second)
    assert agent.exit_code() == 0
    assert coordinator.record(lease).outcome == attempt_pb2.OUTCOME_CANCELLED
    assert agent.knob() == '"as-it-was"'
    assert not _is_alive(agent.runner_pid())


def test_what_cannot_be_delivered_at_the_end_is_kept_for_the_next_start(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("kept", {"stop_in": "measure"}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    coordinator.stop()
    agent.signal(signal.SIGTERM)
    agent.signal(signal.SIGINT)
    assert agent.exit_code() == 0
    assert len(agent.spooled()) == 1
    coordinator.start()
    agent.start()
    assert coordinator.record(lease).outcome == attempt_pb2.OUTCOME_CANCELLED


def test_it_ends_when_its_parent_is_killed(coordinator: Any, make_agent: Any, job: Any) -> None:
    agent = make_agent("--with-parent")
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True).wait()",
            *agent._command,
        ],
        env=agent._environment,
        stderr=subprocess.DEVNULL,
    )
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("orphan", {"stop_in": "measure"}, {"level": 5}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    parent.kill()
    parent.wait()
    record = coordinator.record(lease)
    assert "the process that started it has ended" in record.error
    assert agent.knob() == '"as-it-was"'


def test_a_second_agent_on_the_same_state_folder_is_refused_and_told_who_has_it(
    coordinator: Any, agent: Any, make_agent: Any
) -> None:
    coordinator.ready()
    second = make_agent(name="two", state=agent.state).start()
    assert second.exit_code() == 3
    assert f"Another agent (process {agent.pid}) is using the state folder {agent.state}" in second.log()
    assert "--state DIR" in second.log()
    assert agent.is_running()


def test_a_state_folder_that_cannot_be_made_is_one_paragraph(make_agent: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    agent = make_agent(state=tmp_path / "file" / "state").start()
    assert agent.exit_code() == 3
    assert "cannot be used: Not a directory" in agent.log()
    assert "Traceback" not in agent.log()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "toaster"], "there is no kind of board 'toaster'; there are bench, linux, simulated"),
        (["--tag", "shelf"], "--tag shelf: this is not KEY=VALUE."),
        (["--cache-limit", "much"], "--cache-limit much: this is not a size."),
        (["--board-id", "x"] * 1 + ["--board", "simulated:pi4"], "--board-id names one board"),
    ],
)
def test_bad_options_are_one_paragraph(arguments: list[str], message: str, make_agent: Any) -> None:
    agent = make_agent(*arguments).start()
    assert agent.exit_code() == 2
    assert message in agent.log()
    assert "Traceback" not in agent.log()


@pytest.mark.parametrize("address", ["", "nowhere", "host:", ":1", "host:0", "host:99999", "a:b:1", "host:x"])
def test_an_address_that_is_none_is_refused_at_once(address: str, make_agent: Any) -> None:
    agent = make_agent("--join", address).start()
    assert agent.exit_code() == 2
    assert f"--join {address}: this is not HOST:PORT." in agent.log()


def test_a_board_may_be_asked_for_only_once(make_agent: Any, tmp_path: Path) -> None:
    agent = make_agent("--board", f"bench:{tmp_path / 'one'}").start()
    assert agent.exit_code() == 2
    assert "is served already" in agent.log()


def test_tags_and_name_reach_the_coordinator(coordinator: Any, make_agent: Any) -> None:
    make_agent("--tag", "shelf=2", "--tag", "cooling=fan", "--name", "lab-1").start()
    board = coordinator.hello().boards[0]
    assert dict(board.tags) == {"shelf": "2", "cooling": "fan"}
    assert board.name == "lab-1"


def test_the_version_is_told() -> None:
    done = subprocess.run([sys.executable, "-m", "farm_agent", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("farm-agent 0.")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
