"""How long a person waits: `farm --help`, and `farm submit` until the first sample of a real model.

    uv run python -m benchmarks.cli

Each figure is a whole process, the median of several runs after one warm-up, beside a named baseline in the same run:
an interpreter that does nothing, and the bare import of typer. The time to the first sample is that of the second and
later submits (environments and models are there already) on the embedded engine, from the start of the process to
the moment at which the runner's first timed inference began, as the database says.
"""

from __future__ import annotations

import compileall
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("results") / "cli.json"
REPEATS = 9
SWEEP = """
name: first-sample
models: {digits: models/digits-float32.onnx}
axes: {runtime: [onnxruntime]}
scenario: {duration: 200ms, min_count: 10, max_warmup: 50ms}
launches: 1
"""


def wall_s(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - begun


def whole_process(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    wall_s(command, environment)
    runs = [wall_s(command, environment) for _ in range(REPEATS)]
    return {"median_s": statistics.median(runs), "min_s": min(runs), "max_s": max(runs), "runs": len(runs)}


def first_sample_s(environment: dict[str, str], sweep: Path, home: Path) -> float:
    begun = time.time()
    wall_s([sys.executable, "-m", "farm.cli.main", "submit", str(sweep), "--quiet"], environment)
    with closing(sqlite3.connect(home / "farm.sqlite")) as connection:
        query = (
            "SELECT a.started_unix_s + l.measure_start_s FROM attempt a JOIN launch l USING (job_no, fence) "
            "ORDER BY a.started_unix_s DESC LIMIT 1"
        )
        (measured,) = connection.execute(query).fetchone()
    return float(measured) - begun


def main() -> None:
    # Python compiles a module when it is first imported; whether it may keep that is the environment's choice.
    compileall.compile_dir(ROOT / "farm", quiet=2)
    compileall.compile_dir(ROOT / "agent", quiet=2)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = {**os.environ, "FARM_HOME": folder}
        sweep = ROOT / ".first-sample.yaml"
        sweep.write_text(SWEEP)
        try:
            first_sample_s(environment, sweep, home)
            samples = [first_sample_s(environment, sweep, home) for _ in range(5)]
        finally:
            sweep.unlink()
    environment = dict(os.environ)
    figures = {
        "interpreter": whole_process([sys.executable, "-c", "pass"], environment),
        "import typer": whole_process([sys.executable, "-c", "import typer"], environment),
        "farm --help": whole_process([sys.executable, "-m", "farm.cli.main", "--help"], environment),
        "first sample, warm": {
            "median_s": statistics.median(samples),
            "min_s": min(samples),
            "max_s": max(samples),
            "runs": len(samples),
        },
    }
    base = figures["interpreter"]["median_s"]
    for name, figure in figures.items():
        print(f"{name:20} median {figure['median_s'] * 1e3:7.0f} ms   {figure['median_s'] / base:5.1f} x interpreter")
    RESULT.write_text(json.dumps({"machine": describe_machine(), "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
