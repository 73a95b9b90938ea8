"""A terminal with a program on it: what a person would see, line by line."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pyte

PATIENCE_S = 60.0


class Terminal:
    """`columns` x `rows`, an xterm. The program leads its foreground group: `type("\\x03")` is Ctrl-C."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], columns: int, rows: int) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self._columns = columns
        self.frames: list[str] = []
        """What the screen looked like after each piece of output."""
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            # The size first: a program asks for it when it starts.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], list(command), {**environment, "TERM": "xterm-256color"})
        self.status: int | None = None

    @property
    def screen(self) -> str:
        """What stands on it now."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def everything(self) -> str:
        """What has scrolled away, and what stands on it."""
        above = ("".join(line[x].data for x in range(self._columns)).rstrip() for line in self._screen.history.top)
        return "\n".join([*above, self.screen])

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def until(self, text: str) -> str:
        """Wait until this stands on the screen; the screen then."""
        give_up = time.monotonic() + PATIENCE_S
        while text not in self.screen:
            alive = self._read(0.2)
            assert text in self.screen or alive, f"it ended without {text!r}:\n{self.everything}"
            assert time.monotonic() < give_up, f"no {text!r} within {PATIENCE_S} s:\n{self.everything}"
        return self.screen

    def finish(self) -> int:
        """Wait for the end of the program; its exit code."""
        give_up = time.monotonic() + PATIENCE_S
        while self._read(0.2):
            assert time.monotonic() < give_up, f"it does not end:\n{self.everything}"
        return self._reap()

    def close(self) -> None:
        """End what still runs."""
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._reap()
        with suppress(OSError):
            os.close(self._descriptor)

    def _read(self, timeout_s: float) -> bool:
        """Take what was written; False at the end."""
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return True
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # EIO: nobody has the other side any more
            return False
        self._stream.feed(data)
        if data:
            self.frames.append(self.screen)
        return bool(data)

    def _reap(self) -> int:
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status
