"""What an idle agent costs its board: resident memory, its share of one core, threads, and the time until it serves.

    python -m benchmarks.agent [--seconds 30]

A real agent (`--board linux`) is attached to a real coordinator in another process and does nothing but beat every 5 s.
Beside it, for the same time and on the same machine, two baselines: an interpreter that only sleeps, and one that only
holds the same stream open with the same gRPC options. Budgets: 45 MB resident, 0.3 % of a core.
Results go to `benchmarks/results/agent.json`, with the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "agent.json"
BUDGET_RSS_MB = 45.0
BUDGET_CPU_SHARE = 0.003
SETTLE_S = 3.0

SLEEPER = "import time; time.sleep(3600)"
HOLDER = """
import os, sys, time
os.environ["GRPC_VERBOSITY"] = "NONE"
import grpc
from queue import SimpleQueue
from devicefarm.v1 import board_pb2, gateway_pb2, gateway_pb2_grpc
from farm_agent.connection import CHANNEL_OPTIONS
outbox = SimpleQueue()
channel = grpc.insecure_channel(sys.argv[1], options=CHANNEL_OPTIONS)
board = board_pb2.Board(board_id="held", board_type="linux", name="held", provenance=1)
hello = gateway_pb2.Hello(protocol=1, agent_id="holder", instance="one", boards=[board])
outbox.put(gateway_pb2.AttachRequest(events=[gateway_pb2.AgentEvent(hello=hello)]))
for _ in gateway_pb2_grpc.GatewayServiceStub(channel).Attach(iter(outbox.get, None)):
    pass
"""


@dataclass(frozen=True)
class Cost:
    """Of one process. `cpu_share` is of one core; memory in 10^6 bytes; `pss_mb` counts shared pages in part."""

    what: str
    rss_mb: float
    pss_mb: float
    threads: int
    cpu_share: float
    cpu_until_attached_s: float


async def main(seconds: float) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with coordinator(Path(folder)) as address:
            commands = {
                "agent": [sys.executable, "-m", "farm_agent", "--join", address, "--state", f"{folder}/agent"],
                "stream held open": [sys.executable, "-c", HOLDER, address],
                "interpreter asleep": [sys.executable, "-c", SLEEPER],
            }
            costs = await asyncio.gather(*(watch(what, command, seconds) for what, command in commands.items()))
    agent = costs[0]
    result = {
        "machine": describe_machine(),
        "seconds": seconds,
        "budgets": {"rss_mb": BUDGET_RSS_MB, "cpu_share": BUDGET_CPU_SHARE},
        "within_budget": {
            "rss_mb": agent.rss_mb <= BUDGET_RSS_MB,
            "cpu_share": agent.cpu_share <= BUDGET_CPU_SHARE,
        },
        "costs": [asdict(cost) for cost in costs],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"budgets: {BUDGET_RSS_MB:.0f} MB resident, {BUDGET_CPU_SHARE:.1%} of a core")
    print(f"{'':20} {'RSS':>8} {'PSS':>8} {'threads':>8} {'one core':>9} {'CPU to attach':>14}")
    for cost in costs:
        print(
            f"{cost.what:20} {cost.rss_mb:5.1f} MB {cost.pss_mb:5.1f} MB {cost.threads:8} {cost.cpu_share:9.2%} "
            f"{cost.cpu_until_attached_s:12.2f} s"
        )
    return 0 if all(result["within_budget"].values()) else 1  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def coordinator(folder: Path) -> AsyncIterator[str]:
    """A real one, on SQLite, in a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.agent", "--serve", str(folder), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def serve(folder: Path) -> None:
    from farm.coordinator.server import Coordinator, CoordinatorSettings

    settings = CoordinatorSettings(database_url=f"sqlite:///{folder / 'farm.sqlite'}", data_dir=folder)
    running = await Coordinator.start(settings)
    print(running.address, flush=True)
    await asyncio.Event().wait()


async def watch(what: str, command: Sequence[str], seconds: float) -> Cost:
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        seen = psutil.Process(process.pid)
        await asyncio.sleep(SETTLE_S)
        begun_s, began = _cpu_s(seen), time.monotonic()
        await asyncio.sleep(seconds)
        spent_s, took_s = _cpu_s(seen) - begun_s, time.monotonic() - began
        memory = seen.memory_full_info()
        return Cost(what, memory.rss / 1e6, memory.pss / 1e6, seen.num_threads(), spent_s / took_s, begun_s)
    finally:
        process.kill()
        await process.wait()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.exit(asyncio.run(serve(options.serve) if options.serve else main(options.seconds)))
