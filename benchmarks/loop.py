"""What the measuring loop costs: throughput as the farm measures it over that of a bare loop, in one interpreter.

    python -m benchmarks.loop [--pairs 400] [--block 20] [--launches 12]

Both arms call the same ONNX Runtime session on the CNN of the ARM comparison (about 1 ms at one thread). They
alternate in short blocks, because a shared machine changes its speed by the second, and the ratio is taken pair by
pair; a third arm, a second bare loop, shows what the machine alone does to such a ratio. The interval is a bootstrap
over pairs. Then the cost of a turn by itself, and the same ratio between whole launches: the farm's runner in its
environment under the agent's supervision, against a bare loop started in the same environment.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.machine import describe_machine
from devicefarm.v1 import job_pb2
from farm_agent.boards.base import LaunchRequest
from farm_agent.environments.host import HostExecutor
from farm_agent.runners.harness.loop import Rule, loop_overhead_s, measure

FOLDER = Path(__file__).parent
MODEL = FOLDER.parent / "models" / "arm-cpu-cnn-float32.onnx"
BARE = """
import sys, time, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
feed = {session.get_inputs()[0].name: numpy.random.RandomState(0).random_sample((1, 88, 88, 1)).astype("float32")}
end = time.perf_counter() + 1
while time.perf_counter() < end: session.run(None, feed)
count, began = 0, time.perf_counter()
end = began + float(sys.argv[2])
while time.perf_counter() < end:
    session.run(None, feed)
    count += 1
print(count / (time.perf_counter() - began))
"""


def session_call() -> Callable[[], Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    feed = {name: np.random.RandomState(0).random_sample((1, 88, 88, 1)).astype(np.float32)}
    return lambda: session.run(None, feed)


def bare_rate(call: Callable[[], Any], count: int) -> float:
    gc.collect()  # As the farm's loop does before it begins; it leaves the processor's caches cold for both.
    began = time.perf_counter_ns()
    for _ in range(count):
        call()
    return count * 1e9 / (time.perf_counter_ns() - began)


def farm_rate(call: Callable[[], Any], count: int) -> float:
    series = measure(call, Rule(0, count, 1 << 62, count))
    return len(series.latency_ns) * 1e9 / series.elapsed_ns


def ratio(over: list[float], under: list[float]) -> dict[str, float]:
    """The median of the pairs' ratios, its 95 % bootstrap interval, and the ratio of the best of each arm.

    The last is the one to look at where the machine is busy: the best block of each arm had a core to itself.
    """
    ratios = np.array(over) / np.array(under)
    drawn = np.median(np.random.default_rng(0).choice(ratios, (4000, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        "ratio": round(float(np.median(ratios)), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "best_over_best": round(max(over) / max(under), 4),
    }


def in_one_process(pairs: int, block: int) -> dict[str, object]:
    call = session_call()
    for _ in range(500):
        call()
    farm: list[float] = []
    bare: list[float] = []
    null: list[float] = []
    for index in range(pairs):
        arms = [(farm, farm_rate), (bare, bare_rate), (null, bare_rate)]
        # Each arm comes first, second and third equally often.
        for kept, rate in arms[index % 3 :] + arms[: index % 3]:
            kept.append(rate(call, block))
    return {
        "inference_ms_best": round(1000 / max(bare), 4),
        "farm_over_bare": ratio(farm, bare),
        "bare_over_bare": ratio(null, bare),
        "turn_overhead_us": round(loop_overhead_s() * 1e6, 3),
        "pairs": pairs,
        "block": block,
    }


def in_launches(pairs: int, duration_s: float) -> dict[str, object]:
    """Whole launches, one after the other."""
    spec = job_pb2.JobSpec(
        model=job_pb2.Model(format="onnx", artifact=job_pb2.ArtifactRef(name="cnn")),
        config=job_pb2.Config(runtime="onnxruntime", threads=1, batch=1, precision="float32"),
        scenario=job_pb2.Scenario(
            kind=job_pb2.SCENARIO_KIND_SINGLE_STREAM,
            min_duration_s=duration_s,
            max_duration_s=duration_s,
            max_count=1_000_000,
            max_warmup_s=1,
        ),
    )
    farm: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        executor = HostExecutor(Path(folder))
        cancel = threading.Event()
        job = executor.prepare(spec, lambda artifact: MODEL, print, cancel)
        python = Path(folder) / "environments" / job.environment / "bin" / "python"
        for index in range(pairs):
            work_dir = Path(folder) / f"launch-{index}"
            work_dir.mkdir()
            result = executor.launch(LaunchRequest(job, index, False, work_dir), lambda event: None, cancel)
            farm.append(result.count / result.measure_s)
            said = subprocess.run(
                [str(python), "-I", "-c", BARE, str(MODEL), str(duration_s)], capture_output=True, text=True, check=True
            )
            bare.append(float(said.stdout))
    return {
        "farm_over_bare": ratio(farm, bare),
        "farm_per_s": round(statistics.median(farm), 1),
        "bare_per_s": round(statistics.median(bare), 1),
        "pairs": pairs,
        "duration_s": duration_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--block", type=int, default=20)
    parser.add_argument("--launches", type=int, default=12)
    asked = parser.parse_args()
    found = {
        "machine": describe_machine(),
        "in_one_process": in_one_process(asked.pairs, asked.block),
        "in_launches": in_launches(asked.launches, 3.0),
    }
    (FOLDER / "results" / "loop.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
