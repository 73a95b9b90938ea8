"""The `uv` installer: resolves in a tenth of a second, installs by hard links from its cache.

Its cache must lie on the file system of the environments, or the links become copies: the user's own cache is used
where it does, else one in the state folder.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from farm_agent.environments.installer import Installer, UnreachableIndexError, run_installer
from farm_agent.environments.interpreter import Interpreter

__all__ = ["Uv", "find_uv"]

LOCK_LINE = re.compile(r"^(\S+==\S+|\s+--hash=\S+)")


def find_uv() -> tuple[str, ...]:
    """How to start uv: `$UV`, beside the interpreter, on PATH, or as a module; empty where there is none."""
    named = os.environ.get("UV", "")
    if named and Path(named).is_file():
        return (named,)
    beside = Path(sys.executable).with_name("uv")
    if beside.is_file():
        return (str(beside),)
    found = shutil.which("uv")
    if found:
        return (found,)
    if importlib.util.find_spec("uv") is not None:
        return (sys.executable, "-m", "uv")
    return ()


class Uv(Installer):
    """`command` starts uv; `state_dir` is where its cache goes when the user's own is on another file system."""

    name = "uv"

    def __init__(self, command: Sequence[str], state_dir: Path) -> None:
        self._command = tuple(command)
        self._cache = _cache_for(state_dir)

    def resolve(
        self, requirements: Sequence[str], interpreter: Interpreter, folder: Path, cancel: threading.Event
    ) -> str:
        # Or uv would apply the constraints of a project that this folder happens to lie in, such as the farm's own.
        (folder / "pyproject.toml").write_text("[tool.uv]\n", encoding="utf-8")
        source = folder / "requirements.in"
        source.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        options = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        said = self._uv(
            ["pip", "compile", *self._for(interpreter), *options, str(source)],
            folder,
            requirements[0],
            cancel,
        )
        return "".join(f"{line}\n" for line in _indented(said) if LOCK_LINE.match(line))

    def install(self, lock: Path, asked: str, interpreter: Interpreter, folder: Path, cancel: threading.Event) -> None:
        work = folder.parent
        self._uv(["venv", "--python", str(interpreter.path), "--no-project", str(folder)], work, asked, cancel)
        sync = [
            "pip",
            "sync",
            *self._for(interpreter, folder),
            "--require-hashes",
            "--link-mode",
            "hardlink",
            str(lock),
        ]
        try:
            self._uv(sync, work, asked, cancel)
        except UnreachableIndexError:
            # Everything may be in the cache already.
            self._uv([*sync, "--offline"], work, asked, cancel)

    def _for(self, interpreter: Interpreter, environment: Path | None = None) -> list[str]:
        python = interpreter.path if environment is None else environment / "bin" / "python"
        return ["--python", str(python), "--only-binary", ":all:"]

    def _uv(self, arguments: Sequence[str], folder: Path, asked: str, cancel: threading.Event) -> str:
        quiet = ["--quiet", "--no-progress", "--color", "never"]
        return run_installer([*self._command, *arguments, *quiet], folder, asked, cancel, UV_CACHE_DIR=str(self._cache))


def _indented(said: str) -> list[str]:
    """The lines of a lock, whose hashes lost their indentation on the way."""
    return [f"    {line}" if line.startswith("--hash") else line for line in said.splitlines()]


def _cache_for(state_dir: Path) -> Path:
    asked = os.environ.get("UV_CACHE_DIR", "")
    base = os.environ.get("XDG_CACHE_HOME", "")
    user = Path(asked) if asked else (Path(base) if base else Path.home() / ".cache") / "uv"
    try:
        user.mkdir(parents=True, exist_ok=True)
        if user.stat().st_dev == state_dir.stat().st_dev and os.access(user, os.W_OK):
            return user
    except OSError:
        pass
    return state_dir / "uv-cache"
