"""How long a standing farm is away when the actor that hosts its gateway is killed, beside a bare Ray actor.

    uv run python -m benchmarks.recovery

A real `farm up`, three agents, `kill -9` of the gateway's process, several times. Three clocks run from the kill: until
the coordinator answers again, until the first board is attached, until all are. The bare actor has no state, no
imports and no port: what Ray alone needs to start a process again and answer one call.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from farm.coordinator.client import FarmClient
from farm.errors import CoordinatorError
from farm.model.board import BoardState
from farm.model.live import FarmStatus

RESULT = Path(__file__).with_name("results") / "recovery.json"
AGENTS = 3
KILLS = 5
BARE = """
import os, signal, sys, time
import ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
@ray.remote(num_cpus=0, max_restarts=-1)
class Bare:
    def pid(self): return os.getpid()
bare = Bare.remote()
for _ in range(int(sys.argv[2])):
    os.kill(ray.get(bare.pid.remote()), signal.SIGKILL)
    killed = time.monotonic()
    while True:
        try:
            ray.get(bare.pid.remote(), timeout=30)
        except ray.exceptions.RayError:
            time.sleep(0.02)
        else:
            break
    print("away", time.monotonic() - killed)
ray.kill(bare)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "FARM_HOME": folder}
        address = f"127.0.0.1:{_free_port()}"
        farm = [sys.executable, "-m", "farm.cli.main"]
        subprocess.run([*farm, "up", "--listen", address], env=environment, check=True)
        agents = [_agent(address, Path(folder), index) for index in range(AGENTS)]
        try:
            away = asyncio.run(_kill_and_wait(address))
            bare = _bare(Path(folder))
        finally:
            for agent in agents:
                agent.terminate()
                agent.wait()
            subprocess.run([*farm, "down", "--grace", "0"], env=environment, check=True)
    figures = {name: _figure(values) for name, values in {**away, "bare Ray actor answers": bare}.items()}
    base = figures["bare Ray actor answers"]["median_s"]
    for name, figure in figures.items():
        ratio = figure["median_s"] / base
        print(f"{name:26} median {figure['median_s']:5.2f} s  max {figure['max_s']:5.2f} s  {ratio:4.1f} x")
    RESULT.write_text(
        json.dumps({"machine": describe_machine(), "agents": AGENTS, "figures": figures}, indent=2) + "\n"
    )


async def _kill_and_wait(address: str) -> dict[str, list[float]]:
    away: dict[str, list[float]] = {"coordinator answers": [], "first board is back": [], "all boards are back": []}
    await _until(address, lambda status: _attached(status) == AGENTS)
    for _ in range(KILLS):
        dead = (await _until(address, lambda status: True)).pid
        os.kill(dead, signal.SIGKILL)
        killed = time.monotonic()
        tests: dict[str, Callable[[FarmStatus], bool]] = {
            "coordinator answers": lambda status: status.pid != dead,  # noqa: B023 - used in this turn only
            "first board is back": lambda status: status.pid != dead and _attached(status) >= 1,  # noqa: B023 - as above
            "all boards are back": lambda status: status.pid != dead and _attached(status) == AGENTS,  # noqa: B023 - as above
        }
        for name, test in tests.items():
            await _until(address, test)
            away[name].append(time.monotonic() - killed)
    return away


async def _until(address: str, test: Callable[[FarmStatus], bool]) -> FarmStatus:
    ask: Callable[[FarmClient], Awaitable[FarmStatus]] = FarmClient.status
    while True:
        try:
            async with FarmClient(address) as client:
                status = await ask(client)
        except CoordinatorError:
            status = None
        if status is not None and test(status):
            return status
        await asyncio.sleep(0.02)


def _attached(status: FarmStatus) -> int:
    return sum(board.state is not BoardState.OFFLINE for board in status.boards)


def _bare(home: Path) -> list[float]:
    """In the very cluster that hosts the gateway."""
    from farm.coordinator.places import Places
    from farm.coordinator.service import find_service, ray_environment

    places = Places(home, "")
    record = find_service(places)
    assert record is not None
    environment = {**os.environ, **ray_environment(places)}
    command = [sys.executable, "-c", BARE, record.ray_address, str(KILLS)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    # Ray has its own words to say about the dead on the same output.
    return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("away ")]


def _agent(address: str, folder: Path, index: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "farm_agent", "--join", address, "--board-id", f"board-{index}"]
    command += ["--state", str(folder / f"agent-{index}")]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _figure(values: list[float]) -> dict[str, Any]:
    return {"median_s": statistics.median(values), "min_s": min(values), "max_s": max(values), "kills": len(values)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
