"""The `command` runner: any executable that prints its latencies.

    runtime: {command: [./bench, "--model", "{model}", "--threads", "{threads}"]}

which reaches a board as the runtime `command` and the option `command`.

`{model}`, `{golden}`, `{threads}`, `{batch}`, `{precision}`, `{seed}`, `{min_duration_s}`, `{min_count}` and
`{work_dir}` are filled in; other braces are left alone. A program with a slash in it is meant from where the agent
was started, any other is looked up on PATH. It prints JSON lines, among whatever else it likes:

    {"latency_ns": 123456}                one inference; or latency_s
    {"latencies_ns": [1200, 1190, ...]}   several; or latencies_s
    {"load_s": 0.8}                       optional, as are first_inference_s, warmup_count, warmup_s, measure_s,
                                          conversion_s, overhead_s, peak_rss_bytes, output_sha256
    {"facts": {"library": "1.2"}}         optional: for the context
    {"event": "phase", "phase": "measure"}, {"event": "progress", ...}, {"event": "failure", ...}
                                          optional, as in docs/adding-a-runner.md

>>> heard = CommandLines()
>>> heard.take({"latency_ns": 1000}), heard.take({"latencies_s": [2e-6]}), heard.take({"other": 1})
(True, True, False)
>>> heard.latency_ns
[1000, 2000]
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import AttemptError

__all__ = ["CommandLines", "command_of", "fill"]

LONGEST_NS = 86_400e9
NUMBERS = (
    "load_s",
    "first_inference_s",
    "warmup_s",
    "measure_s",
    "conversion_s",
    "overhead_s",
    "warmup_count",
    "peak_rss_bytes",
)


def command_of(options: Mapping[str, str]) -> tuple[str, ...]:
    """The job's command from its options (canonical JSON). Raises `AttemptError`."""
    unknown = sorted(set(options) - {"command"})
    if unknown:
        raise AttemptError(
            f"the command runner has no option {unknown[0]}",
            outcome=attempt_pb2.OUTCOME_FAILED,
            hint="it has `command`, a list of the program and its arguments",
        )
    try:
        parts = json.loads(options.get("command", "null"))
    except ValueError:
        parts = None
    if not (isinstance(parts, list) and parts and all(isinstance(part, (str, int, float)) for part in parts)):
        raise AttemptError(
            f"the command runner needs the option command, a list of texts; it is {options.get('command', 'not set')}",
            outcome=attempt_pb2.OUTCOME_FAILED,
            hint='write `runtime: {command: [./bench, "{model}"]}`',
        )
    return _found(str(parts[0]), [str(part) for part in parts[1:]])


def _found(program: str, arguments: Sequence[str]) -> tuple[str, ...]:
    if "{" in program:
        return (program, *arguments)
    path = shutil.which(program)
    if path is None:
        raise AttemptError(
            f"the command {program} is not an executable on this board",
            outcome=attempt_pb2.OUTCOME_UNSUPPORTED,
            hint="install it there, give its absolute path, or let the selector leave this board out",
        )
    return (str(Path(path).absolute()), *arguments)


def fill(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled in.

    >>> fill(["bench", "{model}", "{print $1}"], {"model": "a.bin"})
    ['bench', 'a.bin', '{print $1}']
    """
    return [re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), part) for part in command]


@dataclass
class CommandLines:
    """What a command has said of its measurement so far."""

    latency_ns: list[int] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    output_sha256: str = ""

    def take(self, line: Mapping[str, object]) -> bool:
        """Take what one line says; False when it says nothing known. Raises `AttemptError` on an impossible value."""
        known = False
        for key, scale in (("latency_ns", 1.0), ("latency_s", 1e9), ("latencies_ns", 1.0), ("latencies_s", 1e9)):
            if key in line:
                value = line[key]
                self.latency_ns.extend(_latencies(key, value if isinstance(value, list) else [value], scale))
                known = True
        for key in NUMBERS:
            if key in line:
                self.numbers[key] = _number(key, line[key])
                known = True
        facts = line.get("facts")
        if isinstance(facts, dict):
            self.facts.update((str(key), str(value)) for key, value in facts.items())
            known = True
        digest = line.get("output_sha256")
        if isinstance(digest, str):
            self.output_sha256 = digest
            known = True
        return known


def _latencies(key: str, values: Sequence[object], scale: float) -> list[int]:
    latencies = [_number(key, value) * scale for value in values]
    if any(not 0 < latency < LONGEST_NS for latency in latencies):
        raise _impossible(key, values, "a latency above zero and below a day")
    return [max(1, round(latency)) for latency in latencies]


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise _impossible(key, value, "a number that is not negative")
    return value


def _impossible(key: str, value: object, expected: str) -> AttemptError:
    return AttemptError(
        f"the command printed {key} = {json.dumps(value)[:80]}; {expected} was expected",
        outcome=attempt_pb2.OUTCOME_FAILED,
    )
