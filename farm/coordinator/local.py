"""The embedded engine: a coordinator in this process and one agent process for this machine.

What `farm submit` uses where no standing coordinator is up. The agent is the real one, over real gRPC on loopback; it
ends with this process, also when this process is killed. An agent that dies by itself is started again, a few times:
its state folder holds what it had, and the jobs that it was on are tried again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

from farm.coordinator.places import Places
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.errors import CoordinatorError, StoreError

__all__ = ["AgentEndedError", "LocalEngine"]

_AGENT_PATIENCE_S = 15.0
_HURRIED_PATIENCE_S = 2.0
_RESTARTS = 2
_TROUBLE_PATIENCE_S = 10.0
_LOG_BYTES_KEPT = 4_000_000
_SAYS_WHY = "farm-agent: "
_WOULD_END_AGAIN = (0, 2, 3, 4)
"""Exit codes of the agent that starting it again does not mend: asked to stop, bad options, state folder, refused."""


class AgentEndedError(CoordinatorError):
    """The agent of this machine has ended for good. `status` is its exit code, negative for a signal."""

    def __init__(self, how: str, reason: str, *, hint: str, status: int) -> None:
        super().__init__(f"The agent of this machine {how}: {reason}", hint=hint)
        self.reason = reason
        self.status = status


class LocalEngine:
    """`async with LocalEngine(places) as engine:`; `boards` are `--board` options of the agent, none is this host.

    `notice` hears of what went wrong and was mended, in a sentence.
    """

    def __init__(
        self,
        places: Places,
        boards: Sequence[str] = (),
        *,
        with_agent: bool = True,
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._places = places
        self._boards = tuple(boards)
        self._with_agent = with_agent
        self._notice = notice
        self._coordinator: Coordinator | None = None
        self._agent: subprocess.Popen[bytes] | None = None
        self._restarts = 0
        self._hurried = False
        self._log_from = 0
        self._trouble_since: float | None = None

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
        try:
            if self._with_agent:
                self._agent = self._start_agent(self._coordinator.address)
        except BaseException:
            await asyncio.shield(self._stop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The agent first: it stops its runners, restores the board and hands in what it has."""
        await asyncio.shield(self._stop())

    def check(self) -> None:
        """Look after both; call it now and then.

        An agent that was killed or crashed is started again. Raises `AgentEndedError` when it has ended for good, and
        `StoreError` when the database has taken nothing for a while: then nothing would ever be finished.
        """
        if self._agent is not None and (status := self._agent.poll()) is not None and not self._hurried:
            self._agent = self._start_again(status)
        trouble = self._coordinator.gateway.committer.trouble if self._coordinator is not None else ""
        if not trouble:
            self._trouble_since = None
        elif self._trouble_since is None:
            self._trouble_since = time.monotonic()
            self._notice(f"{trouble} Trying again; what is measured meanwhile is kept by the agent.")
        elif time.monotonic() - self._trouble_since > _TROUBLE_PATIENCE_S:
            raise StoreError(trouble, hint="What was recorded before is intact.")

    def hurry(self) -> None:
        """Wait no longer for runners to end in order: they are killed, and the agent has a moment for its record.

        What could not be put back in that moment is put back by its next start.
        """
        self._hurried = True
        if self._agent is None or self._agent.poll() is not None:
            return
        with suppress(psutil.NoSuchProcess):
            for runner in psutil.Process(self._agent.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    runner.kill()
        last_moment = threading.Timer(_HURRIED_PATIENCE_S, self._agent.kill)
        last_moment.daemon = True
        last_moment.start()

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
        with _opened_log(self._log) as log:
            self._log_from = log.tell()
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

    def _start_again(self, status: int) -> subprocess.Popen[bytes]:
        how = f"was killed by {_signal_name(-status)}" if status < 0 else f"ended with exit code {status}"
        if status in _WOULD_END_AGAIN or self._restarts == _RESTARTS or self._coordinator is None:
            often = f" {self._restarts + 1} times" if self._restarts else ""
            raise AgentEndedError(how + often, self._why(status), hint=f"Its log is {self._log}.", status=status)
        self._restarts += 1
        self._notice(f"The agent of this machine {how}; it was started again, and what it was on is tried again.")
        return self._start_agent(self._coordinator.address)

    def _why(self, status: int) -> str:
        if status == -signal.SIGKILL:
            return "somebody killed it, or the kernel did for want of memory (`dmesg` says so)."
        return self._last_words()

    def _last_words(self) -> str:
        """What it said of its end, since its last start."""
        with self._log.open("rb") as log:
            log.seek(self._log_from)
            said = log.read().decode("utf-8", "replace").strip()
        _, why, reason = said.rpartition(_SAYS_WHY)
        if why:
            return " ".join(reason.split())
        return said.splitlines()[-1] if said else "it said nothing"


def _opened_log(path: Path) -> IO[bytes]:
    """To append to; one that has become long is set aside."""
    try:
        if path.exists() and path.stat().st_size > _LOG_BYTES_KEPT:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")
    except OSError as error:
        raise StoreError(
            f"The agent's log {path} cannot be written: {error.strerror or error}.",
            hint="Make room on that disk, or let FARM_HOME name a folder that you may write to.",
        ) from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _agent_environment() -> dict[str, str]:
    from uv import find_uv_bin

    return {**os.environ, "UV": find_uv_bin()}
