"""How long an inference takes on a simulated board, and how it scatters.

The work of a model is guessed from its file: one parameter per byte (int8), two (float16) or four bytes (float32), each
used a number of times that depends on the model's name, so that the precisions of one model compare as they should.
Two files of the same name and size differ by a few percent through their digests. Time then follows from the clock, of
which a share of the latency is independent (memory), from the threads by Amdahl's law and from the batch.

Scatter has the three parts that real series show: independent noise (log-normal), a slow wander (AR(1)), and rare
outliers with a heavy tail. Each launch has an offset of its own, which is why several launches are asked for.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator

from devicefarm.v1 import job_pb2
from farm_agent.simulation.presets import Preset

__all__ = ["Work", "noise_factors"]

_CALL_S = 20e-6
_BYTES_PER_WEIGHT = {"float32": 4.0, "float16": 2.0, "int8": 1.0}
_RUNTIME_BYTES = {"onnxruntime": 55 << 20, "litert": 30 << 20}
_BYTES_PER_INPUT = 1 << 19
_NO_MODEL_MACS = 1e6


class Work:
    """What one launch of a job asks of the board."""

    def __init__(self, spec: job_pb2.JobSpec, preset: Preset) -> None:
        self._compute = preset.compute
        self._stock_hz = preset.clocks_hz[0]
        config, model = spec.config, spec.model
        self.batch = max(1, config.batch)
        self.threads = max(1, config.threads)
        self._cores = preset.cores
        self.int8 = config.precision == "int8"
        self.model_bytes = model.artifact.size_bytes
        weights = self.model_bytes / _BYTES_PER_WEIGHT.get(config.precision, 4.0)
        reuse = math.exp(_uniform("reuse", model.name, math.log(4.0), math.log(60.0)))
        file_factor = _uniform("file", model.artifact.sha256, 0.97, 1.03)
        version_factor = _uniform("version", f"{config.runtime} {config.requirement}", 0.95, 1.05)
        self._macs = (weights * reuse or _NO_MODEL_MACS) * file_factor * version_factor
        runtime_bytes = _RUNTIME_BYTES.get(config.runtime, 8 << 20)
        self.peak_rss_bytes = int(runtime_bytes + 1.6 * self.model_bytes + self.batch * _BYTES_PER_INPUT)

    @property
    def busy_cores(self) -> float:
        """While it computes."""
        return float(min(self.threads, self._cores))

    def latency_s(self, clock_hz: float) -> float:
        """Of one inference of the whole batch, without scatter."""
        compute = self._compute
        per_core_s = self._macs / compute.macs_per_cycle / self._stock_hz
        if self.int8:
            per_core_s /= compute.int8_speedup
        useful = min(self.threads, self._cores)
        shared_out = 1.0 - compute.parallel_share + compute.parallel_share / useful
        # More threads than cores only get in each other's way.
        crowding = 1.0 + 0.25 * (self.threads / useful - 1.0)
        # A batch reuses the weights that are in the cache: three quarters of the cost for every input but the first.
        inputs = 0.25 + 0.75 * self.batch
        by_clock = compute.memory_share + (1.0 - compute.memory_share) * self._stock_hz / clock_hz
        return _CALL_S + per_core_s * shared_out * crowding * inputs * by_clock


def noise_factors(chance: random.Random) -> Iterator[float]:
    """What each latency of one launch is multiplied by, without end; around 1."""
    launch_offset = chance.gauss(0.0, 0.004)
    wander = 0.0
    while True:
        wander = 0.98 * wander + chance.gauss(0.0, 0.001)
        factor = math.exp(launch_offset + wander + chance.gauss(0.0, 0.008))
        if chance.random() < 0.002:
            factor *= 1.0 + 0.5 * min(20.0, chance.paretovariate(1.5))
        yield factor


def _uniform(kind: str, text: str, low: float, high: float) -> float:
    """A number between `low` and `high` that the text decides."""
    digest = hashlib.sha256(f"{kind} {text}".encode()).digest()
    return low + (high - low) * int.from_bytes(digest[:6], "big") / 2**48
