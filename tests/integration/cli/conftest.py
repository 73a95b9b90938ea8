"""A farm in a folder of its own, worked by the real command in real processes, and a person's terminal.

Where a runtime is not the point, jobs are the shell's: each notes its number in a ledger when it starts, so what was
executed is known from outside, whatever the farm believes.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from farm.cli.main import main
from tests.integration.cli.terminal import Terminal

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
FARM = (sys.executable, "-m", "farm.cli.main")


@dataclass
class Home:
    """One farm: its folder, and the command `farm` as it is run there."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    terminals: list[Terminal] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
        return {**kept, "FARM_HOME": str(self.path)}

    @property
    def path(self) -> Path:
        return self.folder / "home"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def farm(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `farm` to its end."""
        return subprocess.run(
            [*FARM, *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
        )

    def look(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command that only reads, in this process: it starts none, and loading it all again takes seconds."""
        out, err, before = io.StringIO(), io.StringIO(), sys.argv
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in {"FARM_HOME": str(self.path), **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["farm", *arguments])
            with pytest.raises(SystemExit) as end:
                main()
        assert sys.argv is before
        return subprocess.CompletedProcess(arguments, int(end.value.code or 0), out.getvalue(), err.getvalue())

    def answer(self, *arguments: str) -> Any:
        """What `farm … --json` says."""
        done = self.look(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`farm` as the leader of a process group of its own, as a shell starts it."""
        process = subprocess.Popen(
            [*FARM, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def on_terminal(self, *arguments: str, columns: int = 100, rows: int = 30) -> Terminal:
        """`farm` on a terminal of that size."""
        terminal = Terminal([*FARM, *arguments], self.environment, columns, rows)
        self.terminals.append(terminal)
        return terminal

    def sweep(self, name: str = "sweep", **keys: Any) -> str:
        """Write a sweep file; its path. JSON is YAML."""
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(keys))
        return str(path)

    def shell_sweep(self, jobs: int, body: str = "true", name: str = "shells") -> str:
        """That many jobs on any board: each notes its number, does `body`, and reports one latency."""
        script = f"echo {{batch}} >> {self.ledger}; {body}; echo '{{\"latency_ns\": 1000000}}'"
        return self.sweep(
            name,
            boards={"each": "any"},
            axes={"runtime": [{"command": ["/bin/sh", "-c", script]}], "batch": list(range(1, jobs + 1))},
            scenario={"min_count": 1, "duration": "0.001s"},
            launches=1,
        )

    def wait_until(self, found: Callable[[], object], what: str) -> None:
        """Wait until something is so in the world outside."""
        give_up = time.monotonic() + PATIENCE_S
        while not found():
            assert time.monotonic() < give_up, f"not within {PATIENCE_S} s: {what}"
            time.sleep(0.02)

    def executions(self) -> Counter[int]:
        """How often each job of the shell was begun."""
        return Counter(int(line) for line in self.ledger.read_text().split()) if self.ledger.exists() else Counter()

    def wait_for_executions(self, count: int) -> None:
        self.wait_until(lambda: self.executions().total() >= count, f"{count} executions; {self.executions()}")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Read the database as anybody could."""
        with closing(sqlite3.connect(f"file:{self.path / 'farm.sqlite'}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(query).fetchall()

    def run_id(self) -> str:
        """Of the newest run."""
        ((run_id,),) = self.ask("SELECT run_id FROM run ORDER BY created_unix_s DESC LIMIT 1")
        return str(run_id)

    def agent_pid(self) -> int:
        return int((self.path / "agent" / "lock").read_text())


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Agent and runners of a `farm submit` that runs."""
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: Sequence[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def to_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """A signal to the process and all in its group, as a terminal sends it."""
    os.killpg(process.pid, number)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    for terminal in made.terminals:
        terminal.close()
    for process in made.started:
        with suppress(psutil.NoSuchProcess):
            for child in descendants(process):
                child.kill()
        process.kill()
        process.communicate()
