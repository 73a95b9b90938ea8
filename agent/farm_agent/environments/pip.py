"""The `pip` installer, for boards without uv: the same locks and the same folders, in tens of seconds."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from farm_agent.environments.installer import Installer, run_installer
from farm_agent.environments.interpreter import Interpreter

__all__ = ["Pip"]

QUIET = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-color")


class Pip(Installer):
    """The pip that the interpreter's `venv` brings; pip 22.2 or newer, whose `--report` says what it would install."""

    name = "pip"

    def resolve(
        self, requirements: Sequence[str], interpreter: Interpreter, folder: Path, cancel: threading.Event
    ) -> str:
        asked = requirements[0]
        python = _make_venv(interpreter, folder / "venv", asked, cancel)
        options = ["--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", "-"]
        said = run_installer([python, "-m", "pip", "install", *QUIET, *options, *requirements], folder, asked, cancel)
        lines = []
        for item in json.loads(said)["install"]:
            name, version = item["metadata"]["name"], item["metadata"]["version"]
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            lines.append(f"{name.lower().replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n")
        return "".join(sorted(lines))

    def install(self, lock: Path, asked: str, interpreter: Interpreter, folder: Path, cancel: threading.Event) -> None:
        python = _make_venv(interpreter, folder, asked, cancel)
        options = ["--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:", "-r", str(lock)]
        run_installer([python, "-m", "pip", "install", *QUIET, *options], folder.parent, asked, cancel)


def _make_venv(interpreter: Interpreter, folder: Path, asked: str, cancel: threading.Event) -> str:
    run_installer([str(interpreter.path), "-m", "venv", str(folder)], folder.parent, asked, cancel)
    return str(folder / "bin" / "python")
