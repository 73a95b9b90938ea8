"""One child process, from its start until nothing of it is left.

It leads a session and process group of its own, has no standard input and leaves no core file. Lines on its standard
output go to `on_line`; those that it does not know, and standard error, go into a log of which the end is kept. It is
ended by a cancel, by a limit, or by itself; whatever its group still holds then is killed while the leader's id cannot
yet be given to another process.

Memory is limited in two ways. Resident memory of the process and its descendants is looked at ten times a second,
because that is what `limits.memory` means and what a board runs out of; a limit on address space (RLIMIT_AS) would
refuse runtimes that reserve much and touch little. Between two looks RLIMIT_DATA, set half a gigabyte higher, keeps
one large allocation from taking the board down: it fails inside the runner, which can say so.
"""

from __future__ import annotations

import contextlib
import enum
import os
import resource
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Callable

from farm_agent.environments import procfs

__all__ = ["Bounds", "End", "Ended", "supervise"]

LOG_TAIL_BYTES = 8192
LONGEST_LINE_BYTES = 16 << 20
GRACE_S = 10.0
DRAIN_S = 1.0
DEATH_S = 10.0
TICK_S = 0.2
MEMORY_TICK_S = 0.1
DATA_LIMIT_ABOVE_RSS_BYTES = 512 << 20


@dataclass(frozen=True)
class Bounds:
    """What a process may take. None and zero: no limit."""

    silence_s: float | None = None
    """Longest time without a line that `on_line` knows."""
    memory_bytes: int = 0


class End(enum.Enum):
    """Why the process is gone."""

    EXITED = "by itself"
    CANCELLED = "cancelled"
    SILENT = "it said nothing for too long"
    MEMORY = "it took too much memory"


@dataclass(frozen=True)
class Ended:
    """A process that is over. `returncode` is negative for a signal, as in `subprocess`."""

    end: End
    returncode: int
    log_tail: str
    duration_s: float
    peak_rss_bytes: int
    """As far as it could be seen from outside; zero: too short to be seen."""
    oom_killed: bool
    """The kernel killed something for want of memory while it ran."""


class _Log:
    """The end of what a process said, for people."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > 2 * LOG_TAIL_BYTES:
            del self._kept[:-LOG_TAIL_BYTES]

    def text(self) -> str:
        return bytes(self._kept[-LOG_TAIL_BYTES:]).decode("utf-8", "replace")


class _Lines:
    """Standard output as lines; a line that never ends is given up and goes to the log."""

    def __init__(self, on_line: Callable[[str], bool], log: _Log) -> None:
        self._on_line = on_line
        self._log = log
        self._rest = bytearray()
        self.heard = time.monotonic()

    def add(self, data: bytes) -> None:
        start = len(self._rest)
        self._rest += data
        if b"\n" in data:
            end = self._rest.rindex(b"\n", start) + 1
            whole = bytes(self._rest[:end])
            del self._rest[:end]
            for line in whole.splitlines(keepends=True):
                self._take(line)
        elif len(self._rest) > LONGEST_LINE_BYTES:
            self._log.add(bytes(self._rest[:LOG_TAIL_BYTES]) + b" ...\n")
            self._rest.clear()

    def finish(self) -> None:
        if self._rest:
            self._take(bytes(self._rest))
            self._rest.clear()

    def _take(self, line: bytes) -> None:
        if self._on_line(line.decode("utf-8", "replace").strip()):
            self.heard = time.monotonic()
        else:
            self._log.add(line)


def supervise(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], bool],
    cancel: threading.Event,
    bounds: Bounds = Bounds(),
    on_process: Callable[[int], None] | None = None,
    watch_memory: bool = False,
    grace_s: float = GRACE_S,
) -> Ended:
    """Run a command to its end, however it ends.

    `on_process` hears the id of the process group as soon as there is one, so that a journal can know it. Raises
    `OSError` when the command cannot be started at all. What `on_line` raises ends the process and passes through.
    """
    began = time.monotonic()
    kills = procfs.oom_kills()
    log = _Log()
    lines = _Lines(on_line, log)
    process = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    child = _Child(process, lines, log)
    try:
        _limit(process.pid, bounds)
        if on_process is not None:
            on_process(process.pid)
        end = child.run(cancel, bounds, watch_memory, grace_s)
    finally:
        child.reap()
    return Ended(
        end=end,
        returncode=child.returncode,
        log_tail=log.text(),
        duration_s=time.monotonic() - began,
        peak_rss_bytes=child.peak_rss_bytes,
        oom_killed=procfs.oom_kills() > kills >= 0,
    )


def _limit(pid: int, bounds: Bounds) -> None:
    """Set limits from outside: a `preexec_fn` would run Python between fork and exec of a process with threads."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if bounds.memory_bytes:
            most = bounds.memory_bytes + DATA_LIMIT_ABOVE_RSS_BYTES
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


class _Child:
    """The running process and its two pipes."""

    def __init__(self, process: subprocess.Popen[bytes], lines: _Lines, log: _Log) -> None:
        self._process = process
        self._lines = lines
        self._log = log
        self._selector = selectors.DefaultSelector()
        self._pidfd = -1
        self._reaped = False
        self.returncode = 0
        self.peak_rss_bytes = 0
        for stream, take in ((process.stdout, lines.add), (process.stderr, log.add)):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, take)
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # an older kernel: found out at the next tick instead
                self._pidfd = os.pidfd_open(process.pid)
                self._selector.register(self._pidfd, selectors.EVENT_READ, None)

    def run(self, cancel: threading.Event, bounds: Bounds, watch_memory: bool, grace_s: float) -> End:
        """Until the process has ended; the zombie stays for `reap`."""
        end = End.EXITED
        kill_at: float | None = None
        watching = watch_memory or bounds.memory_bytes > 0
        tick_s = MEMORY_TICK_S if watching else TICK_S
        while True:
            self._hear(tick_s if self._open or self._pidfd >= 0 else 0.005)
            if self._has_ended():
                return end
            now = time.monotonic()
            if watching:
                rss = procfs.rss_of_tree_bytes(self._process.pid)
                self.peak_rss_bytes = max(self.peak_rss_bytes, rss)
            if kill_at is None:
                end = self._judge(now, cancel, bounds)
                if end is End.MEMORY:
                    kill_at = now
                elif end is not End.EXITED:
                    self._signal(signal.SIGTERM)
                    kill_at = now + grace_s
            if kill_at is not None and now >= kill_at:
                self._signal(signal.SIGKILL)

    def _judge(self, now: float, cancel: threading.Event, bounds: Bounds) -> End:
        if cancel.is_set():
            return End.CANCELLED
        if bounds.memory_bytes and self.peak_rss_bytes > bounds.memory_bytes:
            return End.MEMORY
        if bounds.silence_s is not None and now - self._lines.heard > bounds.silence_s:
            return End.SILENT
        return End.EXITED

    @property
    def _open(self) -> bool:
        return len(self._selector.get_map()) > (1 if self._pidfd >= 0 else 0)

    def _hear(self, timeout_s: float) -> bool:
        """Take what the pipes hold; False when there was nothing within the time."""
        heard = False
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                continue
            stream = key.fileobj
            try:
                data = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            heard = True
            if data:
                key.data(data)
            else:
                self._selector.unregister(stream)
        return heard

    def _has_ended(self) -> bool:
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        state = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return state is not None

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def reap(self) -> None:
        """Kill what is left of the group, take the last words, and only then let the id go."""
        self._signal(signal.SIGKILL)
        try:
            deadline = time.monotonic() + DRAIN_S
            while self._open and time.monotonic() < deadline:
                # A process that left the group may hold a pipe open for ever: only what is there already is taken.
                if not self._hear(0.01) and self._has_ended():
                    break
            self._lines.finish()
        finally:
            self._collect()

    def _collect(self) -> None:
        if self._process.returncode is None:
            _, status, usage = os.wait4(self._process.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            # Linux carries the peak of the process that forked over into the child: only more than ours is its own.
            if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
                self.peak_rss_bytes = max(self.peak_rss_bytes, usage.ru_maxrss * 1024)
        self.returncode = self._process.returncode
        give_up = time.monotonic() + DEATH_S
        while procfs.group_lives(self._process.pid) and time.monotonic() < give_up:
            time.sleep(0.01)
        self._selector.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        for stream in (self._process.stdout, self._process.stderr):
            _close(stream)


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        stream.close()
