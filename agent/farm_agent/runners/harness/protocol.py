"""How a runner and the agent speak: one JSON request in, JSON lines out. docs/adding-a-runner.md describes both.

The agent reads the runner's standard output. Runtimes print there too, so `Events` keeps the real one for itself and
points file descriptor 1 at standard error: what a library prints lands in the log.
"""

import difflib
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

__all__ = ["Events", "LaunchError", "Request", "read_request"]

VERSION = 1


class LaunchError(Exception):
    """The launch cannot go on. `outcome` is `failed` or `unsupported`, `kind` whose fault it is."""

    def __init__(self, message: str, outcome: str = "failed", kind: str = "job", hint: str = "") -> None:
        Exception.__init__(self, message)
        self.message = message
        self.outcome = outcome
        self.kind = kind
        self.hint = hint


class Request:
    """What is to be measured. Durations in seconds."""

    def __init__(self, fields: Dict[str, Any]) -> None:
        if fields.get("version") != VERSION:
            raise LaunchError(
                f"the agent speaks version {fields.get('version')} of the runner contract, this runner {VERSION}",
                kind="agent",
            )
        self.model = str(fields["model"])
        self.format = str(fields["format"])
        self.precision = str(fields["precision"])
        self.batch = int(fields["batch"])
        self.threads = int(fields["threads"])
        self.verify = bool(fields["verify"])
        self.golden: Optional[str] = fields["golden"]
        self.latencies = str(fields["latencies"])
        scenario = fields["scenario"]
        self.scenario = str(scenario["kind"])
        self.min_duration_s = float(scenario["min_duration_s"])
        self.min_count = int(scenario["min_count"])
        self.max_duration_s = float(scenario["max_duration_s"])
        self.max_count = int(scenario["max_count"])
        self.max_warmup_s = float(scenario["max_warmup_s"])
        self.seed = int(scenario["seed"])
        self._options: Dict[str, Any] = dict(fields["options"])
        self._asked: List[str] = []

    def option(self, name: str, default: Any, choices: Sequence[Any] = ()) -> Any:
        """The sweep's value of an option of this runtime; refused when it is not one of `choices`."""
        self._asked.append(name)
        value = self._options.get(name, default)
        if choices and value not in choices:
            known = ", ".join(json.dumps(choice) for choice in choices)
            raise LaunchError(f"option {name} is {json.dumps(value)}; this runtime knows {known}")
        if default is not None and not choices and not isinstance(value, type(default)):
            raise LaunchError(f"option {name} is {json.dumps(value)}; a {_json_type(default)} was expected")
        return value

    def refuse_unknown_options(self) -> None:
        """To be called when every option has been asked for: a misspelt one must not be ignored in silence."""
        for name in sorted(self._options):
            if name not in self._asked:
                near = difflib.get_close_matches(name, self._asked, 1)
                hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(self._asked))}"
                raise LaunchError(f"this runtime has no option {name}", hint=hint)


def _json_type(value: Any) -> str:
    names = {bool: "true or false", int: "whole number", float: "number", str: "text", list: "list", dict: "mapping"}
    return names.get(type(value), type(value).__name__)


def read_request(path: str) -> Request:
    with Path(path).open(encoding="utf-8") as stream:
        return Request(json.load(stream))


class Events:
    """The lines on standard output. `BrokenPipeError` once the agent is gone, which ends the runner."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def _say(self, fields: Dict[str, Any]) -> None:
        self._stream.write(json.dumps(fields, allow_nan=False) + "\n")
        self._stream.flush()

    def phase(self, name: str, at_s: float) -> None:
        """A phase began; `at_s` is `time.monotonic()`, which all processes of a machine share."""
        self._say({"event": "phase", "phase": name, "at_s": at_s})

    def progress(self, fraction: float, note: str = "") -> None:
        self._say({"event": "progress", "fraction": round(fraction, 4), "note": note})

    def result(self, fields: Dict[str, Any]) -> None:
        self._say(dict(fields, event="result"))

    def failure(self, error: LaunchError) -> None:
        self._say(
            {
                "event": "failure",
                "outcome": error.outcome,
                "kind": error.kind,
                "message": error.message,
                "hint": error.hint,
            }
        )
