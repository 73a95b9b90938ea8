"""What an agent keeps between its starts, in one folder that one agent at a time may hold.

    <state>/
      lock            held with flock(2) while an agent runs; its text is that agent's process id
      agent-id        who this agent is, made at the first start
      spool/          records that no coordinator has acknowledged yet       (spool.py)
      spool/damaged/  records that could not be read; kept for a person to look at
      journal/        what must be put back if the agent is killed           (journal.py)
      artifacts/      models and other files by their sha256, a cache        (artifacts.py)
      work/           folders of running attempts; emptied at each start
      environments/   what the runners run in                                (environments/)
      boards/         what a kind of board keeps for itself

The default is `$XDG_STATE_HOME/farm-agent`, or `~/.local/state/farm-agent` (XDG Base Directory Specification 0.8).
Everything but `spool`, `journal` and `agent-id` may be deleted while no agent runs.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import uuid
from pathlib import Path
from types import TracebackType

from farm_agent.durable import write_durably
from farm_agent.errors import StateFolderError

__all__ = ["StateFolder", "default_state_folder"]

logger = logging.getLogger(__name__)


def default_state_folder() -> Path:
    """Where the state lies unless `--state` says otherwise."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not base or not Path(base).is_absolute():
        base = str(Path.home() / ".local" / "state")
    return Path(base) / "farm-agent"


class StateFolder:
    """A state folder that this process holds. Opening it takes the lock, `close` (or the process's end) gives it back.

    Raises `StateFolderError` when another agent holds it, or when it cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.spool = self.root / "spool"
        self.journal = self.root / "journal"
        self.artifacts = self.root / "artifacts"
        self.work = self.root / "work"
        self.boards = self.root / "boards"
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = self._take_lock()
            try:
                for folder in (self.spool, self.journal, self.artifacts, self.work, self.boards):
                    folder.mkdir(exist_ok=True)
                self.agent_id = self._read_or_make_agent_id()
            except OSError:
                os.close(self._lock)
                raise
        except OSError as error:
            raise StateFolderError(
                f"The state folder {self.root} cannot be used: {error.strerror or error}.",
                hint="It must be a folder that this user may write to, on a disk with some room. Choose another with "
                "--state DIR.",
            ) from error

    def __enter__(self) -> StateFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back. The lock file stays: removing it would let two agents hold two files of one name."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _take_lock(self) -> int:
        path = self.root / "lock"
        # Not inherited by runners (PEP 446), or a left-over one would keep the folder locked.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            holder = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
            raise StateFolderError(
                f"Another agent (process {holder}) is using the state folder {self.root}.",
                hint=f"One agent serves all boards of a machine; stop it with `kill {holder}`, or give this one a "
                "folder of its own with --state DIR.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        return descriptor

    def _read_or_make_agent_id(self) -> str:
        path = self.root / "agent-id"
        if path.exists():
            known = path.read_text(encoding="ascii", errors="replace").strip()
            if known and known.isalnum():
                return known
            logger.warning("%s is damaged; this agent gets a new identity", path)
        made = uuid.uuid4().hex
        write_durably(path, f"{made}\n".encode("ascii"))
        return made
