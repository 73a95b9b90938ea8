"""Environments, built once and used by many.

    environments/<digest>/             bin/python, its packages, lock.txt, complete.json (last used: its time stamp)
    environments/<digest>.guard        held with flock(2) while one process builds it, so that others wait for it

One is built beside its place and renamed when it is whole: proven by importing what it is for, which also
byte-compiles that much once. What was not used for longest goes first when they take too much room.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from devicefarm.v1 import attempt_pb2
from farm_agent.environments.endings import failure_of
from farm_agent.environments.installer import Installer
from farm_agent.environments.interpreter import Interpreter
from farm_agent.environments.process import Bounds, supervise
from farm_agent.errors import AttemptError, CancelledError

__all__ = ["Environment", "EnvironmentStore", "digest_of"]

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_GUARD_TICK_S = 0.1
_PROVE = "import importlib, sys; importlib.import_module(sys.argv[1])"


def digest_of(lock: str) -> str:
    """The name of the environment that a lock makes: 64 hexadecimal digits."""
    return hashlib.sha256(lock.encode()).hexdigest()


@dataclass(frozen=True)
class Environment:
    """One that is ready."""

    digest: str
    folder: Path
    wheels: Mapping[str, str]
    """Package name to version, as locked."""

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def lock_path(self) -> Path:
        return self.folder / "lock.txt"


class EnvironmentStore:
    """A folder of environments, shared by all processes that open it."""

    def __init__(self, folder: Path, installer: Installer) -> None:
        self._folder = folder
        self._installer = installer
        folder.mkdir(parents=True, exist_ok=True)

    def get(
        self,
        lock: str,
        asked: str,
        interpreter: Interpreter,
        imports: Sequence[str],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> Environment:
        """The environment of a lock, built if it is not there. One of `imports` must import in it."""
        digest = digest_of(lock)
        environment = Environment(digest, self._folder / digest, dict(_PIN.findall(lock)))
        if not _use(environment):
            try:
                with self._guard(digest, cancel):
                    if not _use(environment):
                        note(f"building the environment for {asked} with {self._installer.name}")
                        self._build(environment, lock, asked, interpreter, imports, cancel)
            except OSError as error:
                raise _disk_error(error, asked) from error
        return environment

    def clean(self, limit_bytes: int, keep: Sequence[str] = ()) -> list[str]:
        """Remove those that were not used for longest until the rest takes at most `limit_bytes`; which ones went.

        Sizes are counted as if no file were shared with the installer's cache.
        """
        self._sweep()
        found = sorted(self._folder.glob("*/complete.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        removed = []
        for path in found:
            total += int(json.loads(path.read_text())["size_bytes"])
            if total > limit_bytes and path.parent.name not in keep:
                # Renamed first: half of an environment must never look whole.
                trash = path.parent.with_name(f"{path.parent.name}.removed")
                path.parent.rename(trash)
                shutil.rmtree(trash, ignore_errors=True)
                removed.append(path.parent.name)
        return removed

    def _sweep(self) -> None:
        """Remove what a killed process left half built or half removed."""
        for path in self._folder.glob("*.removed"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.glob("*.building"):
            with contextlib.suppress(BlockingIOError), self._guarded(path.stem):
                shutil.rmtree(path, ignore_errors=True)

    def _build(
        self,
        environment: Environment,
        lock: str,
        asked: str,
        interpreter: Interpreter,
        imports: Sequence[str],
        cancel: threading.Event,
    ) -> None:
        building = self._folder / f"{environment.digest}.building"
        for leftover in (building, environment.folder):
            shutil.rmtree(leftover, ignore_errors=True)
        text = self._folder / f"{environment.digest}.lock"
        text.write_text(lock, encoding="utf-8")
        try:
            self._installer.install(text, asked, interpreter, building, cancel)
            _prove(building, asked, imports, cancel)
            text.replace(building / "lock.txt")
            complete = {"asked": asked, "size_bytes": _size_bytes(building), "wheels": environment.wheels}
            (building / "complete.json").write_text(json.dumps(complete, indent=1), encoding="utf-8")
            building.rename(environment.folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                text.unlink()

    @contextlib.contextmanager
    def _guard(self, digest: str, cancel: threading.Event) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            while True:
                try:
                    held.enter_context(self._guarded(digest))
                    break
                except BlockingIOError:
                    if cancel.wait(_GUARD_TICK_S):
                        raise CancelledError("cancelled while another job was building the environment") from None
            yield

    @contextlib.contextmanager
    def _guarded(self, digest: str) -> Iterator[None]:
        """Hold the guard; raises `BlockingIOError` when another holds it."""
        descriptor = os.open(self._folder / f"{digest}.guard", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)


def _use(environment: Environment) -> bool:
    """Mark it as used now; False when it is not there, or the interpreter that it points to is gone."""
    if not environment.python.exists():
        return False
    try:
        os.utime(environment.folder / "complete.json")
    except FileNotFoundError:
        return False
    return True


def _prove(folder: Path, asked: str, imports: Sequence[str], cancel: threading.Event) -> None:
    """Import one of the modules. Raises the last failure when none can be."""
    failure: AttemptError | None = None
    for module in imports:
        ended = supervise(
            [str(folder / "bin" / "python"), "-I", "-X", "faulthandler", "-c", _PROVE, module],
            cwd=folder,
            env={key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE") if key in os.environ},
            on_line=lambda line: False,
            cancel=cancel,
        )
        failure = failure_of(ended, f"importing {module}", f"in the new environment for {asked}", Bounds())
        if failure is None or isinstance(failure, CancelledError):
            break
    if isinstance(failure, CancelledError):
        raise failure
    if failure is not None:
        last = ended.log_tail.strip().splitlines()[-1:] or ["no words"]
        raise AttemptError(
            f"the wheels for {asked} were installed but cannot be imported: {last[0]}",
            outcome=failure.outcome,
            kind=failure.kind,
            log_tail=ended.log_tail,
            hint="does the requirement name a package that holds this runtime? A wheel that does not fit this board's "
            "CPU or numpy fails like this too",
        )


def _size_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def _disk_error(error: OSError, asked: str) -> AttemptError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return AttemptError(
        f"the environment for {asked} could not be written: {error}",
        kind=attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
        hint="make room on the board" if full else "is the agent's state folder writable?",
    )
