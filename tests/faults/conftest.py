"""A yard of real processes that can be killed: one coordinator, many agents, and a ledger of every execution.

The jobs are the shell's: each writes its own number into the ledger when it starts, so what was executed is known from
the outside, whatever the farm believes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

LEASE_S = 4.0


@dataclass
class Yard:
    """Starts, kills and restarts real processes of the farm below one folder."""

    folder: Path
    coordinator_command: tuple[str, ...] = (sys.executable, "-m", "farm.cli.main")
    on_ray: bool = False
    port: int = field(default_factory=lambda: free_port())
    agents: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    coordinator: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Compiled modules are kept in the yard: a process that is killed must be back soon, as on any machine."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "FARM_HOME": str(self.folder / "home"), "PYTHONPYCACHEPREFIX": str(self.folder / "pycache")}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "home" / "farm.sqlite"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def start_coordinator(self) -> None:
        if self.on_ray:
            self.farm("up", "--listen", self.address, "--lease", str(LEASE_S))
            return
        command = [*self.coordinator_command, "up", "--foreground", "--listen", self.address, "--lease", str(LEASE_S)]
        self.coordinator = self._spawn(command, "coordinator")

    def wait_until(self, true: Callable[[], bool], patience_s: float = 60.0) -> None:
        """Return when it is true."""
        deadline = time.monotonic() + patience_s
        while not true():
            assert time.monotonic() < deadline, (self.folder / "coordinator.log").read_text()[-4000:]
            time.sleep(0.05)

    def is_up(self) -> bool:
        return (self.folder / "home" / "service.json").exists()

    def attached(self) -> int:
        ((count,),) = self.ask("SELECT count(*) FROM board WHERE state <> 'offline'")
        return int(str(count))

    def kill_gateway(self) -> bool:
        """Kill the process that hosts the gateway; whether it is Ray's to start it again, or ours, says `on_ray`."""
        if self.on_ray:
            ((pid,),) = self.ask("SELECT pid FROM gateway")
            with suppress(ProcessLookupError):
                os.kill(int(str(pid)), signal.SIGKILL)
                return True
        elif self.coordinator is not None and self.coordinator.poll() is None:
            self.coordinator.kill()
            self.coordinator.wait()
            return True
        return False

    def start_agent(self, name: str) -> None:
        command = [sys.executable, "-m", "farm_agent", "--join", self.address, "--name", name, "--board-id", name]
        self.agents[name] = self._spawn([*command, "--state", str(self.folder / name)], name)

    def farm(self, *arguments: str) -> str:
        """Run a `farm` command to its end; its standard output."""
        command = [sys.executable, "-m", "farm.cli.main", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Read the database as anybody could."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20.0)) as connection:
            return connection.execute(query).fetchall()

    def submit(self, jobs: int, body: str = "sleep 0.2") -> str:
        """Queue that many jobs of the shell; each notes its number, does `body` and reports one latency."""
        script = f"echo {{batch}} >> {self.ledger}; {body}; echo '{{\"latency_ns\": 1000}}'"
        sweep = self.folder / "storm.yaml"
        sweep.write_text(
            json.dumps(
                {
                    "name": "storm",
                    "boards": {"each": "any"},
                    "axes": {"runtime": [{"command": ["/bin/sh", "-c", script]}], "batch": list(range(1, jobs + 1))},
                    "scenario": {"min_count": 1, "duration": "0.001s"},
                    "launches": 1,
                }
            )
        )
        return str(json.loads(self.farm("submit", str(sweep), "--detach", "--json"))["run"])

    def unfinished(self, run_id: str) -> int:
        (row,) = self.ask(f"SELECT count(*) FROM job WHERE run_id = '{run_id}' AND state <> 'finished'")
        return int(str(row[0]))

    def executions(self) -> Counter[int]:
        """How often each job was started, by its number."""
        return Counter(int(line) for line in self.ledger.read_text().split())

    def runners(self) -> list[psutil.Process]:
        """The shells that the agents run now."""
        found = []
        for agent in self.agents.values():
            with suppress(psutil.NoSuchProcess):
                found += psutil.Process(agent.pid).children(recursive=True)
        return found

    def stop(self) -> None:
        for process in [*self.agents.values(), *([self.coordinator] if self.coordinator else [])]:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
            process.kill()
            process.wait()
        if self.on_ray and self.is_up():
            self.farm("down", "--grace", "0")

    def _spawn(self, command: list[str], name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


class Storm:
    """Kills and freezes what stands in a yard, at random but seeded, until it is told to stop."""

    def __init__(
        self,
        yard: Yard,
        seed: int,
        weights: Mapping[str, int],
        *,
        pause_s: float = 1.5,
        shortest_freeze_s: float = 1.0,
    ) -> None:
        self._yard = yard
        self._pause_s = pause_s
        self._shortest_freeze_s = shortest_freeze_s
        self._weights = weights
        self._deck: list[str] = []
        self._random = random.Random(seed)
        self._due: list[tuple[float, Callable[[], None]]] = []
        self.strikes: Counter[str] = Counter()

    def rage(self, until: Callable[[], bool], *, patience_s: float) -> bool:
        """Strike every `pause_s` on average until `until()`; False when patience ran out before."""
        deadline = time.monotonic() + patience_s
        next_strike = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            for due in [due for due in self._due if due[0] <= time.monotonic()]:
                self._due.remove(due)
                due[1]()
            if until():
                self._calm()
                return True
            if time.monotonic() >= next_strike:
                self._strike()
                next_strike = time.monotonic() + self._random.expovariate(1 / self._pause_s)
            time.sleep(0.05)
        self._calm()
        return False

    def _strike(self) -> None:
        """Drawn from a shuffled deck, so that a short storm strikes everything too."""
        if not self._deck:
            self._deck = [kind for kind, weight in self._weights.items() for _ in range(weight)]
            self._random.shuffle(self._deck)
        getattr(self, f"_strike_{self._deck.pop()}")()

    def _strike_agent(self) -> None:
        name = self._random.choice(sorted(self._yard.agents))
        agent = self._yard.agents[name]
        if agent.poll() is None:
            agent.kill()
            agent.wait()
            self.strikes["agent"] += 1
            self._later(self._random.uniform(0.0, 1.0), lambda: self._yard.start_agent(name))

    def _strike_gateway(self) -> None:
        if self._yard.kill_gateway():
            self.strikes["gateway"] += 1
            if not self._yard.on_ray:
                self._later(self._random.uniform(0.0, 1.0), self._yard.start_coordinator)

    def _strike_freeze(self) -> None:
        agent = self._yard.agents[self._random.choice(sorted(self._yard.agents))]
        if agent.poll() is None:
            agent.send_signal(signal.SIGSTOP)
            self.strikes["freeze"] += 1
            self._later(
                self._random.uniform(self._shortest_freeze_s, max(self._shortest_freeze_s, 2.0 * LEASE_S)),
                lambda: _thaw(agent),
            )

    def _strike_runner(self) -> None:
        runners = self._yard.runners()
        if runners:
            with suppress(psutil.NoSuchProcess):
                self._random.choice(runners).kill()
                self.strikes["runner"] += 1

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + delay_s, act))

    def _calm(self) -> None:
        for _, act in self._due:
            act()
        self._due.clear()


def violations(yard: Yard, run_id: str, jobs: int) -> list[str]:
    """What is wrong with how a run was recorded; empty when every job ended once and was recorded once."""
    found = []
    states = Counter(str(state) for (state,) in yard.ask(f"SELECT state FROM job WHERE run_id = '{run_id}'"))
    if states != {"finished": jobs}:
        found.append(f"jobs by state: {dict(states)}")
    endings = yard.ask(
        "SELECT job_no, count(*) FROM audit WHERE kind = 'finished' GROUP BY job_no HAVING count(*) <> 1"
    )
    found += [f"job {job} ended {count} times" for job, count in endings]
    fences = yard.ask("SELECT job_no FROM result r JOIN job j USING (job_no) WHERE r.fence <> j.fence")
    found += [f"job {job} was recorded under an old fence" for (job,) in fences]
    lost = yard.ask("SELECT job_no FROM job WHERE outcome = 'passed' AND job_no NOT IN (SELECT job_no FROM result)")
    found += [f"job {job} passed without a result" for (job,) in lost]
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _thaw(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)


@pytest.fixture
def make_yard(tmp_path: Path) -> Iterator[Callable[..., Yard]]:
    yards: list[Yard] = []

    def make(**settings: object) -> Yard:
        folder = tmp_path / f"yard-{len(yards)}"
        folder.mkdir()
        yards.append(Yard(folder, **settings))  # type: ignore[arg-type]  # the fields of Yard
        return yards[-1]

    yield make
    for yard in yards:
        yard.stop()


@pytest.fixture
def make_storm() -> type[Storm]:
    return Storm


@pytest.fixture
def find_violations() -> Callable[[Yard, str, int], list[str]]:
    return violations
