"""What installs wheels: `uv` where it can be found, else `pip` (slower, and said so).

An installer resolves requirements to a lock, and makes a folder from a lock. It never builds from source: a board
would take hours, and what comes out would depend on the board. Its errors are sorted by whose fault they are, and
keep the installer's own words where these say it best.
"""

from __future__ import annotations

import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from devicefarm.v1 import attempt_pb2
from farm_agent.environments.interpreter import Interpreter
from farm_agent.environments.process import End, Ended, supervise
from farm_agent.errors import AttemptError, CancelledError

__all__ = ["Installer", "NoSuchVersionError", "NoWheelError", "UnreachableIndexError", "run_installer"]

_UNREACHABLE = re.compile(
    r"Failed to fetch|error sending request|dns error|tcp connect|Connection refused|Could not connect|timed out"
    r"|NewConnectionError|Max retries exceeded|network was disabled|Network is unreachable|ConnectTimeout",
    re.IGNORECASE,
)
_NO_WHEEL = re.compile(
    r"no wheels with a matching|has no usable wheels|only found wheels for|does not satisfy Python|No matching distrib"
)
_NO_ROOM = re.compile(r"No space left on device|os error 28|Disk quota exceeded|Errno 28", re.IGNORECASE)
LONGEST_WORDS = 900


class UnreachableIndexError(AttemptError):
    """The package index cannot be reached; what is known already may still do."""

    def __init__(self, message: str, *, log_tail: str) -> None:
        super().__init__(
            message,
            kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
            log_tail=log_tail,
            hint="is this board connected, and its proxy or index set for uv (UV_DEFAULT_INDEX, HTTPS_PROXY)?",
        )


class NoSuchVersionError(AttemptError):
    """There is no such package, or not in such a version, or not together with the others."""

    def __init__(self, message: str, *, log_tail: str) -> None:
        super().__init__(
            message,
            outcome=attempt_pb2.OUTCOME_FAILED,
            log_tail=log_tail,
            hint="is the name right, and is it in the package index that this board uses?",
        )


class NoWheelError(AttemptError):
    """No wheel for this platform and interpreter, whatever else there is; another set of requirements may have one."""

    def __init__(self, message: str, *, log_tail: str) -> None:
        super().__init__(
            message,
            outcome=attempt_pb2.OUTCOME_UNSUPPORTED,
            log_tail=log_tail,
            hint="another version may have one; or let the selector leave boards like this out",
        )


class Installer(ABC):
    """Resolves and installs. Each call raises `AttemptError`, and `CancelledError` when `cancel` is set."""

    name: str

    @abstractmethod
    def resolve(
        self, requirements: Sequence[str], interpreter: Interpreter, folder: Path, cancel: threading.Event
    ) -> str:
        """A lock: one `name==version` with the hashes of its files for each package, no index. `folder` is scratch."""

    @abstractmethod
    def install(self, lock: Path, asked: str, interpreter: Interpreter, folder: Path, cancel: threading.Event) -> None:
        """Make a virtual environment at `folder` that holds what the lock names. It is moved afterwards.

        `asked` is what people asked for, for messages.
        """


def run_installer(argv: Sequence[str], folder: Path, asked: str, cancel: threading.Event, **env: str) -> str:
    """Run the installer; its standard output. Raises what its failure means."""
    said: list[str] = []

    def keep(line: str) -> bool:
        said.append(line)
        return True

    # VIRTUAL_ENV and the like of whoever started the agent must not decide what goes into an environment.
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "CONDA")) and key not in ("VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT")
    }
    ended = supervise(argv, cwd=folder, env={**kept, **env}, on_line=keep, cancel=cancel)
    if ended.end is End.CANCELLED:
        raise CancelledError(f"preparing the environment for {asked} was cancelled", log_tail=ended.log_tail)
    if ended.returncode != 0:
        raise _meaning_of(ended, asked, Path(argv[0]).name)
    return "\n".join(said)


def _meaning_of(ended: Ended, asked: str, installer: str) -> AttemptError:
    words = condense(ended.log_tail)
    tail = ended.log_tail
    if _NO_ROOM.search(tail):
        return AttemptError(
            f"the disk is full: the environment for {asked} could not be made",
            kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
            log_tail=tail,
            hint="make room on the board, or put the agent's state folder on a larger disk",
        )
    if _UNREACHABLE.search(tail):
        return UnreachableIndexError(f"the package index cannot be reached for {asked}: {words}", log_tail=tail)
    if _NO_WHEEL.search(tail):
        return NoWheelError(f"{asked} cannot be installed on this board: {words}", log_tail=tail)
    if "No solution found" in tail:
        return NoSuchVersionError(f"{asked} does not exist: {words}", log_tail=tail)
    return AttemptError(
        f"{installer} could not make the environment for {asked}: {words or 'it ended without a word'}",
        kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
        log_tail=tail,
        hint="" if installer == "uv" else "with uv on the board (`pip install uv`) this is also much faster",
    )


def condense(log: str) -> str:
    """An installer's words in one paragraph, without its drawings; the middle of a long list is left out.

    >>> condense("error: No solution found\\n  cause: Because x==9 is missing, we can conclude that it fails.")
    'No solution found: Because x==9 is missing, we can conclude that it fails.'
    """
    words = " ".join(re.sub(r"[\u2500-\u257f\u00d7]", " ", log).split())
    words = re.sub(r"\s*\b(?:error|ERROR|cause): ", ": ", words).lstrip(": ")
    if len(words) > LONGEST_WORDS:
        words = f"{words[: LONGEST_WORDS * 2 // 3]} … {words[-LONGEST_WORDS // 3 :]}"
    return words
