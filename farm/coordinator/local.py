"""The embedded engine: a coordinator in this process and one agent process for this machine.

What `farm submit` uses where no standing coordinator is up. The agent is the real one, over real gRPC on loopback; it
ends with this process, also when this process is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from farm.coordinator.places import Places
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.errors import CoordinatorError

__all__ = ["LocalEngine"]

_AGENT_PATIENCE_S = 15.0


class LocalEngine:
    """`async with LocalEngine(places) as engine:`; `boards` are `--board` options of the agent, none is this host."""

    def __init__(self, places: Places, boards: Sequence[str] = (), *, with_agent: bool = True) -> None:
        self._places = places
        self._boards = tuple(boards)
        self._with_agent = with_agent
        self._coordinator: Coordinator | None = None
        self._agent: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        if self._coordinator is None:
            raise RuntimeError("the engine has not been entered")
        return self._coordinator.address

    async def __aenter__(self) -> LocalEngine:
        settings = CoordinatorSettings(
            database_url=self._places.database_url, data_dir=self._places.home, listen="127.0.0.1:0", host="embedded"
        )
        self._coordinator = await Coordinator.start(settings)
        if self._with_agent:
            self._agent = self._start_agent(self._coordinator.address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The agent first: it stops its runners, restores the board and hands in what it has."""
        await asyncio.shield(self._stop())

    def check(self) -> None:
        """Raise CoordinatorError where the agent has ended by itself: nothing would ever run."""
        if self._agent is not None and (status := self._agent.poll()) is not None:
            raise CoordinatorError(
                f"The agent of this machine ended with exit code {status}: {self._last_words()}",
                hint=f"Its log is {self._log}.",
            )

    async def _stop(self) -> None:
        if self._agent is not None:
            await asyncio.to_thread(self._stop_agent, self._agent)
        if self._coordinator is not None:
            await self._coordinator.stop(grace_s=0.0)

    def _start_agent(self, address: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "farm_agent",
            "--join",
            address,
            "--state",
            str(self._places.agent),
            "--with-parent",
        ]
        for board in self._boards:
            command += ["--board", board]
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is ours to hand on, after we have taken note of it.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_agent_environment(),
            )

    def _stop_agent(self, agent: subprocess.Popen[bytes]) -> None:
        """A second signal means at once: cancel, restore, spool; then SIGKILL to one that hangs.

        Another one than the first, because two of one kind that are not handled yet are one (signal(7)).
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            if agent.poll() is None:
                agent.send_signal(number)
        try:
            agent.wait(_AGENT_PATIENCE_S)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()

    @property
    def _log(self) -> Path:
        return self._places.logs / "agent.log"

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _agent_environment() -> dict[str, str]:
    from uv import find_uv_bin

    return {**os.environ, "UV": find_uv_bin()}
