"""One launch on a simulated machine: load, warm-up, measurement, verification, all in virtual time.

The measurement goes on in chunks of a tenth of a second: within one the clock rate stays, between two the physics move
on, so a board that gets hot in the middle gets slower in the middle.
"""

from __future__ import annotations

import hashlib
import math
import random
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable

from devicefarm.columns import pack_integers
from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.boards.base import LaunchRequest, LaunchResult, RunnerEvent
from farm_agent.errors import AttemptError
from farm_agent.simulation.latency import Work, noise_factors
from farm_agent.simulation.machine import Machine
from farm_agent.simulation.trouble import Trouble

__all__ = ["SimulatedLaunch"]

_READ_BYTES_PER_S = 90e6
_START_S = 0.03
_CHUNK_NS = 100_000_000
_NS_PER_S = 1_000_000_000
_PROGRESS_SHARE = 0.02
_Z95 = 1.96


@dataclass(frozen=True)
class _Verified:
    """As in `LaunchResult`."""

    matches: bool | None = None
    max_abs_error: float = 0.0
    top1_agreement: float | None = None
    detail: str = ""
    output_sha256: str = ""


class SimulatedLaunch:
    """Used once: `run`."""

    def __init__(
        self,
        machine: Machine,
        request: LaunchRequest,
        on_event: Callable[[RunnerEvent], None],
        cancel: threading.Event,
        trouble: Trouble,
    ) -> None:
        self._machine = machine
        self._request = request
        self._spec = request.job.spec
        self._on_event = on_event
        self._cancel = cancel
        self._trouble = trouble
        self._load = Work(self._spec, machine.preset)
        self._chance = random.Random(f"{machine.seed} {self._spec.job_id} launch {request.index}")

    def run(self) -> LaunchResult:
        """Raises `AttemptError` for what a fault or a limit ended, `CancelledError` when it was cancelled."""
        load, chance = self._load, self._chance
        noise = noise_factors(chance)
        self._check_memory()
        self._enter("load")
        load_s = _START_S + load.model_bytes / _READ_BYTES_PER_S * chance.uniform(0.95, 1.1)
        self._pass(load_s, 1.0)
        first_s = load.latency_s(self._clock_hz()) * chance.uniform(2.0, 4.0)
        self._pass(first_s, load.busy_cores)

        self._enter("warmup")
        one_s = load.latency_s(self._clock_hz())
        warmup_count = max(1, int(min(self._spec.scenario.max_warmup_s, max(0.25, 8 * one_s)) / one_s))
        warmup_s = warmup_count * one_s
        self._pass(warmup_s, load.busy_cores)

        started = self._machine.clock.monotonic()
        latencies_ns = self._measure(noise)
        measure_s = self._machine.clock.monotonic() - started
        verified = self._verify() if self._request.verify else _Verified()
        return LaunchResult(
            load_s=load_s,
            first_inference_s=first_s,
            warmup_count=warmup_count,
            warmup_s=warmup_s,
            measure_started=started,
            measure_s=measure_s,
            latency_ns=pack_integers(latencies_ns),
            count=len(latencies_ns),
            peak_rss_bytes=load.peak_rss_bytes,
            conversion_s=1e-6 * load.batch,
            overhead_s=0.0,
            runtime_facts={
                "simulated": "true",
                "runtime": self._spec.config.runtime,
                "board": f"simulated-{self._machine.preset.name}",
            },
            matches=verified.matches,
            max_abs_error=verified.max_abs_error,
            top1_agreement=verified.top1_agreement,
            verification_detail=verified.detail,
            output_sha256=verified.output_sha256,
            log_tail=f"[simulated] {len(latencies_ns)} inferences in {measure_s:.3f} s\n",
        )

    def _enter(self, phase: str) -> None:
        self._on_event(RunnerEvent(phase))
        self._trouble.strike(phase, self._cancel, lambda note: self._on_event(RunnerEvent(phase, 0.0, note)))

    def _pass(self, seconds: float, busy_cores: float) -> None:
        self._machine.work(seconds, busy_cores, self._cancel)

    def _clock_hz(self) -> float:
        return self._machine.view().clock_hz

    def _check_memory(self) -> None:
        limit, needed = self._spec.limits.memory_bytes, self._load.peak_rss_bytes
        if 0 < limit < needed:
            raise AttemptError(
                f"the runner needs {needed >> 20} MiB, more than limits.memory ({limit >> 20} MiB)",
                outcome=attempt_pb2.OUTCOME_FAILED,
                log_tail="[simulated] MemoryError\n",
                hint="Raise limits.memory, or lower the batch.",
            )

    def _measure(self, noise: Iterator[float]) -> array[int]:
        """Latencies until both minimums hold and what was asked to converge has, or a maximum ends it."""
        scenario = self._spec.scenario
        fault = self._trouble.in_phase("measure")
        slowness = fault.amount if fault is not None and fault.kind == "slow" else 1.0
        strike_at = self._chance.uniform(0.1, 0.9) if fault is not None else math.inf
        self._on_event(RunnerEvent("measure"))
        latencies_ns: array[int] = array("q")
        elapsed_ns, told, look_again_at = 0, 0.0, 0
        most = scenario.max_count or 2**62
        while True:
            mean_ns = self._load.latency_s(self._clock_hz()) * slowness * _NS_PER_S
            chunk_ns = 0
            while chunk_ns < _CHUNK_NS and len(latencies_ns) < most:
                latency_ns = round(mean_ns * next(noise))
                latencies_ns.append(latency_ns)
                chunk_ns += latency_ns
            self._pass(chunk_ns / _NS_PER_S, self._load.busy_cores)
            elapsed_ns += chunk_ns
            fraction = _done_share(scenario, elapsed_ns, len(latencies_ns))
            if fraction >= strike_at:
                strike_at = math.inf
                self._trouble.strike("measure", self._cancel, self._hung_at(fraction))
            if fraction - told >= _PROGRESS_SHARE:
                told = fraction
                self._on_event(RunnerEvent("measure", fraction))
            if len(latencies_ns) >= most or 0.0 < scenario.max_duration_s * _NS_PER_S <= elapsed_ns:
                return latencies_ns
            if fraction >= 1.0 and len(latencies_ns) >= look_again_at:
                if _converged(scenario, latencies_ns):
                    return latencies_ns
                look_again_at = len(latencies_ns) * 5 // 4

    def _hung_at(self, fraction: float) -> Callable[[str], None]:
        return lambda note: self._on_event(RunnerEvent("measure", fraction, note))

    def _verify(self) -> _Verified:
        self._on_event(RunnerEvent("verify"))
        self._pass(0.02 + 4 * self._load.latency_s(self._clock_hz()), self._load.busy_cores)
        fault = self._trouble.strike("verify", self._cancel)
        wrong = fault is not None and fault.kind == "wrong-output"
        spec = self._spec
        output = f"{spec.model.artifact.sha256} {spec.config.precision} {spec.scenario.seed} {'wrong' if wrong else ''}"
        digest = hashlib.sha256(output.encode()).hexdigest()
        if not spec.model.HasField("golden"):
            return _Verified(output_sha256=digest)
        scale = 2.0 if wrong else {"float32": 1e-6, "float16": 1e-3}.get(spec.config.precision, 2e-2)
        return _Verified(
            matches=not wrong,
            max_abs_error=scale * self._chance.uniform(0.2, 1.0),
            top1_agreement=0.1 if wrong else 1.0,
            detail="simulated: told to be wrong" if wrong else "simulated: no outputs were computed",
            output_sha256=digest,
        )


def _done_share(scenario: job_pb2.Scenario, elapsed_ns: int, count: int) -> float:
    """How far both minimums are reached, 0 to 1."""
    by_time = elapsed_ns / _NS_PER_S / scenario.min_duration_s if scenario.min_duration_s > 0 else 1.0
    by_count = count / scenario.min_count if scenario.min_count else 1.0
    return min(1.0, by_time, by_count)


def _converged(scenario: job_pb2.Scenario, latencies_ns: array[int]) -> bool:
    """Whether the 95 % order-statistic interval of the median is as narrow as it was asked to be."""
    target = scenario.converge.get("latency_p50", 0.0)
    if target <= 0.0:
        return True
    ordered = sorted(latencies_ns)
    reach = _Z95 * math.sqrt(len(ordered)) / 2
    middle = (len(ordered) - 1) / 2
    low, high = math.floor(middle - reach), math.ceil(middle + reach)
    if low < 0 or high >= len(ordered):
        return False
    return (ordered[high] - ordered[low]) / 2 <= target * ordered[len(ordered) // 2]
