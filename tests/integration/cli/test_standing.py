"""The same commands with a standing coordinator and an agent that somebody else started."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.integration.cli.conftest import Home, to_group


@pytest.mark.slow
def test_a_run_that_goes_on_without_its_person(home: Home) -> None:
    home.start("up", "--foreground", "--listen", "127.0.0.1:0")
    home.wait_until(lambda: (home.path / "service.json").exists(), "the service file")
    address = home.answer("status")["address"]
    command = [sys.executable, "-m", "farm_agent", "--join", address, "--state", str(home.folder / "agent")]
    agent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    home.started.append(agent)
    home.wait_until(lambda: len(home.answer("status")["status"]["boards"]) == 1, "the board attaches")

    go = home.folder / "go"
    sweep = home.shell_sweep(3, body=f"while ! test -e {go}; do sleep 0.05; done")
    queued = home.look("submit", sweep, "--detach", "--json")
    assert queued.returncode == 0, queued.stderr
    run_id = json.loads(queued.stdout)["run"]
    assert queued.stderr == ""
    home.wait_for_executions(1)
    waiting = home.answer("jobs", run_id, "--state", "queued")[0]["spec"]["job_id"]
    told = home.answer("jobs", "--job", waiting)["waits_for"]
    assert told.startswith("It waits for a board: ")
    (leased,) = home.answer("jobs", run_id, "--state", "leased")
    assert f"works on job {leased['spec']['job_id'][:12]} of the same run" in told
    assert told.endswith("another job of its run is queued for the same boards.")

    watching = home.start("watch", run_id)
    home.wait_until(lambda: home.answer("status")["status"]["jobs_leased"] == 1, "the job runs")
    to_group(watching, signal.SIGTERM)
    _, err = watching.communicate(timeout=60)
    assert watching.returncode in (130, -signal.SIGTERM), err
    assert home.answer("status")["status"]["jobs_leased"] == 1

    refused = home.look("submit", sweep, "--board", "simulated:pi4")
    assert refused.returncode == 5
    assert f"farm-agent --join {address} --board simulated:pi4" in refused.stderr
    go.touch()
    watched = home.farm("watch", run_id)
    assert watched.returncode == 0, watched.stderr
    assert f"run {run_id}: 3 passed" in watched.stderr
    board_id = home.answer("boards")[0]["board"]["board_id"]
    assert home.look("boards", "drain", board_id[:6], "--reason", "dust").returncode == 0
    (board,) = home.answer("boards")
    assert (board["intent"], board["intent_reason"]) == ("draining", "dust")
    assert home.look("cancel", run_id).stderr == f"run {run_id}: nothing was left to cancel\n"
