"""Runs jobs on a simulated machine: the phases, the progress and the results of real launches, out of the model.

It fetches the model's real file and walks through the real phases; only the inferences are modelled. Every number comes
from the seed, the job and the state of the machine, so the same board that is asked the same answers the same.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from devicefarm.columns import pack_integers
from devicefarm.v1 import attempt_pb2, board_pb2, job_pb2
from farm_agent.boards.base import Executor, LaunchRequest, LaunchResult, PreparedJob, RunnerEvent
from farm_agent.errors import AttemptError, CancelledError
from farm_agent.simulation.latency import Work
from farm_agent.simulation.launch import SimulatedLaunch
from farm_agent.simulation.machine import Machine
from farm_agent.simulation.trouble import Trouble

__all__ = ["NoopExecutor", "SimulatedExecutor"]

_OFFERS = {"onnxruntime": ("onnx",), "litert": ("tflite",), "command": ()}
_INSTALL_S = 18.0


class SimulatedExecutor(Executor):
    """The runtimes that a simulated board offers."""

    def __init__(self, machine: Machine, vanish: Callable[[], None] | None = None) -> None:
        self._machine = machine
        self._trouble = Trouble(machine, vanish)
        self._installed: set[str] = set()

    def offers(self) -> Sequence[board_pb2.RuntimeOffer]:
        return [board_pb2.RuntimeOffer(runtime=runtime, formats=formats) for runtime, formats in _OFFERS.items()]

    def prepare(
        self,
        spec: job_pb2.JobSpec,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> PreparedJob:
        self._machine.begin_attempt()
        self._check(spec)
        model = spec.model
        model_path = fetch(model.artifact) if model.HasField("artifact") else None
        golden_path = fetch(model.golden) if model.HasField("golden") else None
        self._trouble.strike("prepare", cancel)
        environment = hashlib.sha256(f"simulated {spec.config.runtime} {spec.config.requirement}".encode()).hexdigest()
        if environment not in self._installed:
            note(f"simulated environment for {spec.config.requirement or spec.config.runtime}")
            self._machine.work(_INSTALL_S, 1.0, cancel)
            self._machine.rest()
            self._installed.add(environment)
        facts = {"simulated": "true", "runtime": spec.config.runtime}
        return PreparedJob(spec, model_path, golden_path, environment, facts)

    def launch(
        self, request: LaunchRequest, on_event: Callable[[RunnerEvent], None], cancel: threading.Event
    ) -> LaunchResult:
        try:
            return SimulatedLaunch(self._machine, request, on_event, cancel, self._trouble).run()
        finally:
            self._machine.rest()

    def isolation(self) -> str:
        return "simulated"

    def _check(self, spec: job_pb2.JobSpec) -> None:
        """Refuse what this board cannot run."""
        preset, runtime = self._machine.preset, spec.config.runtime
        reason = ""
        if runtime not in _OFFERS:
            reason = f"a simulated board has no runtime {runtime}; it has {', '.join(_OFFERS)}"
        elif _OFFERS[runtime] and spec.model.format not in _OFFERS[runtime]:
            reason = f"{runtime} cannot read a model of the format {spec.model.format or 'none'}"
        elif not preset.compute.float32 and spec.model.format and spec.config.precision != "int8":
            reason = f"a simulated {preset.name} runs int8 models only, not {spec.config.precision}"
        elif Work(spec, preset).peak_rss_bytes > preset.memory_bytes:
            reason = f"the job needs more than the {preset.memory_bytes >> 20} MiB of this board"
        if reason:
            raise AttemptError(reason, outcome=attempt_pb2.OUTCOME_UNSUPPORTED)


class NoopExecutor(SimulatedExecutor):
    """Takes any job and does nothing with it: one latency of a made-up millisecond, no file fetched, no time passed.

    For finding out what the farm around the boards costs. Scripted faults happen all the same.
    """

    _LATENCY_NS = 1_000_000

    def prepare(
        self,
        spec: job_pb2.JobSpec,
        fetch: Callable[[job_pb2.ArtifactRef], Path],
        note: Callable[[str], None],
        cancel: threading.Event,
    ) -> PreparedJob:
        self._machine.begin_attempt()
        self._trouble.strike("prepare", cancel)
        return PreparedJob(spec, None, None, "", {"simulated": "true"})

    def launch(
        self, request: LaunchRequest, on_event: Callable[[RunnerEvent], None], cancel: threading.Event
    ) -> LaunchResult:
        for phase in ("load", "warmup", "measure", "verify"):
            self._trouble.strike(phase, cancel)
        if cancel.is_set():
            raise CancelledError("the attempt was asked to stop")
        return LaunchResult(
            load_s=0.0,
            first_inference_s=0.0,
            warmup_count=0,
            warmup_s=0.0,
            measure_started=self._machine.clock.monotonic(),
            measure_s=self._LATENCY_NS / 1e9,
            latency_ns=pack_integers([self._LATENCY_NS]),
            count=1,
            peak_rss_bytes=0,
            conversion_s=0.0,
            overhead_s=0.0,
            runtime_facts={"simulated": "true"},
        )
