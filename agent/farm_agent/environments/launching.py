"""One launch of a runner as the agent sees it: the request that it writes, the events that it hears, the result.

The contract is in docs/adding-a-runner.md; the other side of it is `farm_agent.runners.harness`.
"""

from __future__ import annotations

import json
import math
import os
import sys
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

from devicefarm import columns
from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.boards.base import LaunchResult, RunnerEvent
from farm_agent.environments.process import Ended
from farm_agent.errors import AttemptError
from farm_agent.runners.command import CommandLines

__all__ = ["LATENCIES", "Conversation", "command_result", "harness_result", "request_of", "runner_environment"]

VERSION = 1
LATENCIES = "latencies.u64"
PHASES = ("load", "warmup", "measure", "verify")
# What a runner inherits from the agent: where programs, libraries and the home are, and numpy's choice of kernels.
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TZ")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OUTCOMES = {"failed": attempt_pb2.OUTCOME_FAILED, "unsupported": attempt_pb2.OUTCOME_UNSUPPORTED}
KINDS = {
    "job": attempt_pb2.ERROR_KIND_JOB,
    "board": attempt_pb2.ERROR_KIND_BOARD,
    "infrastructure": attempt_pb2.ERROR_KIND_INFRASTRUCTURE,
    "agent": attempt_pb2.ERROR_KIND_AGENT,
}


def runner_environment(threads: int, work_dir: Path) -> dict[str, str]:
    """The environment variables of a runner."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "TMPDIR": str(work_dir)}


def scenario_name(kind: job_pb2.ScenarioKind) -> str:
    """`single-stream` and so on, as people write it."""
    return str(job_pb2.ScenarioKind.Name(kind)).removeprefix("SCENARIO_KIND_").lower().replace("_", "-")


def request_of(spec: job_pb2.JobSpec, model: Path | None, golden: Path | None, verify: bool) -> dict[str, object]:
    """The request that a runner file is started with."""
    scenario = spec.scenario
    return {
        "version": VERSION,
        "model": str(model or ""),
        "format": spec.model.format,
        "precision": spec.config.precision or spec.model.precision,
        "batch": max(1, spec.config.batch),
        "threads": max(1, spec.config.threads),
        "options": {name: json.loads(value) for name, value in spec.config.options.items()},
        "scenario": {
            "kind": scenario_name(scenario.kind),
            "min_duration_s": scenario.min_duration_s,
            "min_count": scenario.min_count,
            "max_duration_s": scenario.max_duration_s,
            "max_count": scenario.max_count,
            "max_warmup_s": scenario.max_warmup_s,
            "seed": scenario.seed,
        },
        "verify": verify,
        "golden": str(golden) if golden is not None else None,
        "latencies": LATENCIES,
    }


class Conversation:
    """What a runner has said so far. `hear` takes one line; False: it was none of ours and belongs to the log."""

    def __init__(self, on_event: Callable[[RunnerEvent], None], command: CommandLines | None = None) -> None:
        self._on_event = on_event
        self._command = command
        self.phase = "load"
        self.measure_started: float | None = None
        self.result: Mapping[str, object] | None = None
        self.failure: AttemptError | None = None

    def hear(self, line: str) -> bool:
        if not line.startswith("{"):
            return False
        try:
            said = json.loads(line)
        except ValueError:
            return False
        event = said.get("event")
        if event == "phase" and said.get("phase") in PHASES:
            self._enter(said["phase"], said.get("at_s"))
        elif event == "progress":
            self._on_event(RunnerEvent(self.phase, _fraction(said.get("fraction")), str(said.get("note", ""))))
        elif event == "failure":
            self.failure = AttemptError(
                str(said.get("message", "the runner gave up and did not say why")),
                outcome=OUTCOMES.get(str(said.get("outcome")), attempt_pb2.OUTCOME_FAILED),
                kind=KINDS.get(str(said.get("kind")), attempt_pb2.ERROR_KIND_JOB),
                hint=str(said.get("hint", "")),
            )
        elif event == "result" and self._command is None:
            self.result = said
        else:
            return self._command is not None and self._command.take(said)
        return True

    def _enter(self, phase: str, at_s: object) -> None:
        self.phase = phase
        if phase == "measure" and isinstance(at_s, (int, float)):
            self.measure_started = float(at_s)
        self._on_event(RunnerEvent(phase))


def _fraction(value: object) -> float:
    return min(1.0, max(0.0, float(value))) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0


def harness_result(said: Mapping[str, object], work_dir: Path, ended: Ended) -> LaunchResult:
    """A runner file's `result` event. Raises `AttemptError` when it does not keep the contract."""
    facts = said.get("facts")
    runtime_facts = {str(key): str(value) for key, value in facts.items()} if isinstance(facts, dict) else {}
    if ended.returncode != 0:
        # The measurement was whole before: the number stands, and the crash at the end is on record.
        runtime_facts["exit"] = str(ended.returncode)
    try:
        latency_ns = _read_latencies(work_dir / LATENCIES)
        if len(latency_ns) != said["count"] or not latency_ns:
            raise ValueError(f"{len(latency_ns)} latencies in the file, {said['count']} in the result")
        matches, top1 = said.get("matches"), said.get("top1_agreement")
        return LaunchResult(
            load_s=_number(said, "load_s"),
            first_inference_s=_number(said, "first_inference_s"),
            warmup_count=int(_number(said, "warmup_count")),
            warmup_s=_number(said, "warmup_s"),
            measure_started=_number(said, "measure_started_s"),
            measure_s=_number(said, "measure_s"),
            latency_ns=columns.pack_integers(latency_ns),
            count=len(latency_ns),
            peak_rss_bytes=int(_number(said, "peak_rss_bytes")),
            conversion_s=_number(said, "conversion_s"),
            overhead_s=_number(said, "overhead_s"),
            runtime_facts=runtime_facts,
            matches=matches if isinstance(matches, bool) else None,
            max_abs_error=_number(said, "max_abs_error") if "max_abs_error" in said else 0.0,
            top1_agreement=float(top1) if isinstance(top1, (int, float)) else None,
            verification_detail=str(said.get("verification_detail", "")),
            output_sha256=str(said.get("output_sha256", "")),
            log_tail=ended.log_tail,
        )
    except (KeyError, ValueError, OSError) as error:
        raise AttemptError(
            f"the runner's result does not keep the contract: {error}",
            kind=attempt_pb2.ERROR_KIND_AGENT,
            log_tail=ended.log_tail,
            hint="docs/adding-a-runner.md lists what a result holds",
        ) from error


def command_result(said: CommandLines, conversation: Conversation, started: float, ended: Ended) -> LaunchResult:
    """What a command printed. Without a `measure_s` of its own its inferences count as back to back."""
    if not said.latency_ns:
        words = ended.log_tail.strip().splitlines()
        raise AttemptError(
            f"the command printed no latency; {'it printed: ' + words[0][:200] if words else 'it printed nothing'}",
            outcome=attempt_pb2.OUTCOME_FAILED,
            log_tail=ended.log_tail,
            hint='one JSON line such as {"latency_ns": 123456} is expected for each inference',
        )
    numbers = said.numbers
    return LaunchResult(
        load_s=numbers.get("load_s", 0.0),
        first_inference_s=numbers.get("first_inference_s", 0.0),
        warmup_count=int(numbers.get("warmup_count", 0)),
        warmup_s=numbers.get("warmup_s", 0.0),
        measure_started=conversation.measure_started if conversation.measure_started is not None else started,
        measure_s=numbers.get("measure_s", sum(said.latency_ns) / 1e9),
        latency_ns=columns.pack_integers(said.latency_ns),
        count=len(said.latency_ns),
        peak_rss_bytes=int(numbers.get("peak_rss_bytes", ended.peak_rss_bytes)),
        conversion_s=numbers.get("conversion_s", 0.0),
        overhead_s=numbers.get("overhead_s", 0.0),
        runtime_facts=said.facts,
        output_sha256=said.output_sha256,
        log_tail=ended.log_tail,
    )


def _number(said: Mapping[str, object], name: str) -> float:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is {value!r}")
    return value


def _read_latencies(path: Path) -> array[int]:
    latencies = array("Q")
    latencies.frombytes(path.read_bytes())
    if sys.byteorder == "big":
        latencies.byteswap()
    return latencies
