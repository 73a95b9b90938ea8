"""Resolutions, remembered: what a set of requirements came to, for one interpreter on one platform.

A set whose runtime is pinned exactly (`onnxruntime==1.20.1`) keeps its first lock for ever, so that its numbers stay
comparable. An open one (`onnxruntime`, `==1.20.*`) is resolved again after a day; while the index cannot be reached
the old lock serves on. That there is no wheel for this board is remembered for a day as well.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from devicefarm.v1 import attempt_pb2
from farm_agent.durable import write_durably
from farm_agent.environments.installer import Installer, NoSuchVersionError, NoWheelError, UnreachableIndexError
from farm_agent.environments.interpreter import Interpreter
from farm_agent.errors import AttemptError

__all__ = ["Locks", "check_requirement"]

FRESH_S = 24 * 3600.0
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._ -]*\])?\s*([<>=!~]=?=?\s*[\w.*+!, <>=~]+)?")
_EXACT = re.compile(r"[^=<>~!]+==\s*[^*,]+")


def check_requirement(requirement: str) -> None:
    """Refuse what is not a plain name with versions: options, addresses and files would get past the lock's hashes.

    >>> check_requirement("onnxruntime==1.20.*")
    >>> check_requirement("--index-url http://example.org")
    Traceback (most recent call last):
    ...
    farm_agent.errors.AttemptError: '--index-url http://example.org' is not a requirement that can be installed
    a name with versions was expected, such as onnxruntime==1.20.* or onnxruntime>=1.20,<1.22
    """
    if not _REQUIREMENT.fullmatch(requirement.strip()):
        raise AttemptError(
            f"{requirement!r} is not a requirement that can be installed",
            outcome=attempt_pb2.OUTCOME_FAILED,
            hint="a name with versions was expected, such as onnxruntime==1.20.* or onnxruntime>=1.20,<1.22",
        )


class Locks:
    """The folder of resolutions. `unix` is the wall clock in seconds: it has to outlive reboots."""

    def __init__(self, folder: Path, installer: Installer, unix: Callable[[], float]) -> None:
        self._folder = folder
        self._installer = installer
        self._unix = unix

    def lock(
        self,
        requirements: Sequence[str],
        interpreter: Interpreter,
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> str:
        """The lock's text. Raises `AttemptError`; `NoWheelError` when another set may be tried."""
        key = hashlib.sha256(json.dumps([list(requirements), interpreter.identity]).encode()).hexdigest()
        path = self._folder / f"{key}.json"
        known, age_s = self._read(path)
        if known and (age_s < FRESH_S or (_EXACT.fullmatch(requirements[0]) and known["lock"])):
            return _told(known)
        note(f"looking up {requirements[0]} with {self._installer.name}")
        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
                pins = self._installer.resolve(requirements, interpreter, Path(scratch), cancel)
        except UnreachableIndexError:
            if not known:
                raise
            note(f"the package index cannot be reached: {requirements[0]} as resolved {age_s / 86400:.1f} days ago")
            return _told(known)
        except NoSuchVersionError as error:
            newest = self._newest(requirements[0], interpreter, cancel)
            if newest:
                error.hint = (
                    f"the newest that fits this board is {newest}; a range such as `==1.20.*` can be asked for too"
                )
            raise
        except NoWheelError as error:
            self._write(path, requirements, {"lock": "", "no_wheel": error.message, "log_tail": error.log_tail})
            raise
        lock = f"# {interpreter.identity}\n{pins}"
        self._write(path, requirements, {"lock": lock})
        return lock

    def _newest(self, requirement: str, interpreter: Interpreter, cancel: threading.Event) -> str:
        """The newest version of a package that could be had instead, `name==version`; empty when there is none."""
        name = re.split(r"[\s=<>~!\[]", requirement, maxsplit=1)[0]
        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
                pins = self._installer.resolve([name], interpreter, Path(scratch), cancel)
        except AttemptError:
            return ""  # The error that is being told already says more.
        return next((pin for pin in pins.split() if pin.lower().startswith(f"{name.lower()}==")), "")

    def _read(self, path: Path) -> tuple[dict[str, str], float]:
        """What is remembered and how old it is, in seconds; what cannot be read is forgotten."""
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            age_s = self._unix() - float(known["resolved_unix_s"])
            # A clock that was set back must not keep a lock fresh for ever.
            return {str(key): str(value) for key, value in known.items()}, age_s if age_s >= 0 else FRESH_S
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}, 0.0

    def _write(self, path: Path, requirements: Sequence[str], fields: dict[str, str]) -> None:
        stored = {"requirements": list(requirements), "resolved_unix_s": self._unix(), **fields}
        write_durably(path, json.dumps(stored, indent=1).encode())


def _told(known: dict[str, str]) -> str:
    if known["lock"]:
        return known["lock"]
    raise NoWheelError(known.get("no_wheel", "no wheel fits this board"), log_tail=known.get("log_tail", ""))
