"""`farm up` on a real Ray: it serves, survives the death of its actor, and leaves nothing behind but itself alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from farm.coordinator.service import marked_processes, stop_processes

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

AGENTS = 3
SWEEP = """
name: three-boards
boards: {each: board}
axes: {runtime: [{command: [/bin/sh, -c, "sleep 0.2; echo '{\\"latency_ns\\": 1000}'"]}], batch: [1, 2, 3, 4]}
scenario: {min_count: 1, duration: 1ms}
launches: 1
"""


class Standing:
    """A farm of its own home and port, through its command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self.environment = {**os.environ, "FARM_HOME": str(folder / "home")}
        self.agents: list[subprocess.Popen[bytes]] = []

    def farm(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "farm.cli.main", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.farm("status", "--json"))["status"]
        return answer

    def join(self, count: int) -> None:
        for index in range(count):
            command = [sys.executable, "-m", "farm_agent", "--join", self.address, "--board-id", f"board-{index}"]
            command += ["--state", str(self.folder / f"agent-{index}")]
            with (self.folder / f"agent-{index}.log").open("wb") as log:
                self.agents.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    @property
    def service_id(self) -> str:
        record = json.loads((self.folder / "home" / "service.json").read_text())
        return str(record["service_id"])

    def attached(self) -> int:
        return sum(board["state"] != "offline" for board in self.status()["boards"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    farm = Standing(tmp_path)
    yield farm
    for agent in farm.agents:
        agent.kill()
        agent.wait()
    with suppress(FileNotFoundError):
        stop_processes(marked_processes(farm.service_id))


@pytest.fixture
def bystander(tmp_path: Path) -> Iterator[int]:
    """Somebody else's Ray on this host: the process id of its control store."""
    environment = {
        **os.environ,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "disabled",
        "BYSTANDER": "1",
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--node-ip-address", "127.0.0.1"]
    command += [
        "--port",
        str(free_port()),
        "--ray-client-server-port",
        str(free_port()),
        "--include-dashboard",
        "false",
    ]
    command += ["--disable-usage-stats", "--object-store-memory", "80000000", "--num-cpus", "1"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=180, stdin=subprocess.DEVNULL)
    theirs = [process for process in psutil.process_iter() if is_bystander(process)]
    yield next(process.pid for process in theirs if "gcs_server" in process.name())
    stop_processes(theirs)


def is_bystander(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.pid != os.getpid() and process.environ().get("BYSTANDER") == "1"
    return False


def test_it_serves_survives_and_goes_without_touching_another_ray(standing: Standing, bystander: int) -> None:
    standing.farm("up", "--listen", standing.address)
    standing.farm("up", code=5)  # one is enough
    standing.join(AGENTS)
    wait_until(lambda: standing.attached() == AGENTS)

    sweep = standing.folder / "three-boards.yaml"
    sweep.write_text(SWEEP)
    run = json.loads(standing.farm("submit", str(sweep), "--detach", "--json"))["run"]
    first = standing.status()
    os.kill(first["pid"], signal.SIGKILL)
    watched = standing.farm("watch", run, "--json") if gateway_is_back(standing, first["pid"]) else ""
    results = json.loads(watched)["results"]
    assert [result["outcome"] for result in results] == ["passed"] * 4 * AGENTS
    assert {result["board_id"] for result in results} == {f"board-{index}" for index in range(AGENTS)}
    assert standing.status()["epoch"] == first["epoch"] + 1

    service_id = standing.service_id
    ours = marked_processes(service_id)
    assert len(ours) >= 3  # control store, raylet, gateway actor at the least
    listening = {c.laddr.ip for process in ours for c in connections(process) if c.status == psutil.CONN_LISTEN}
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    standing.farm("down")
    assert marked_processes(service_id) == []
    assert psutil.pid_exists(bystander)
    standing.farm("status", code=5)


def gateway_is_back(standing: Standing, dead: int) -> bool:
    def answers() -> bool:
        command = [sys.executable, "-m", "farm.cli.main", "status", "--json"]
        done = subprocess.run(
            command, env=standing.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode == 0 and json.loads(done.stdout)["status"]["pid"] != dead

    wait_until(answers)
    return True


def connections(process: psutil.Process) -> list[Any]:
    with suppress(psutil.Error):
        return list(process.net_connections())
    return []
