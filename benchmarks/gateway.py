"""How fast a coordinator records, how soon a free board has its next job, and what one more board costs.

    python -m benchmarks.gateway [--agents 200] [--jobs 12000] [--no-ray]

The coordinator is the real one, in a process of its own: gRPC on loopback, SQLite in WAL mode with synchronous=FULL.
The agents are bare `grpc.aio` streams in a second process that answer each assignment at once (or after pretended
work of 0.1 or 1 s, for the gap). Beside it, in the same run and so under the same load of the machine, what the parts
can do alone: a gRPC stream that echoes messages of the same size, SQLite commits, Ray actor calls. Read the ratios;
the rates are this machine's at this moment. Results go to benchmarks/results/gateway.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil

from benchmarks.machine import describe_machine
from devicefarm.v1 import attempt_pb2, board_pb2, gateway_pb2
from farm.coordinator.server import Coordinator, CoordinatorSettings
from farm.model.attempt import Lease
from farm.model.job import Config, Job, JobSpec, Run
from farm.store.store import Epoch
from farm.wire.gateway import to_ack, to_assign

RESULTS = Path(__file__).parent / "results" / "gateway.json"
ATTACH = "/devicefarm.v1.GatewayService/Attach"
ROUNDS = 3


# The coordinator's process.


async def coordinate(folder: Path) -> None:
    """Serve; answer orders on standard input, one line each, with one line of JSON."""
    database = folder / "farm.db"
    coordinator = await Coordinator.start(CoordinatorSettings(f"sqlite:///{database}", folder))
    print(json.dumps({"address": coordinator.address}), flush=True)
    while order := (await asyncio.to_thread(sys.stdin.readline)).split():
        if order[0] == "boards":
            answer = await _attached(coordinator, int(order[1]))
        else:
            answer = await _run(coordinator, database, order[1], int(order[2]))
        print(json.dumps(answer), flush=True)
    await coordinator.stop()


async def _attached(coordinator: Coordinator, count: int) -> dict[str, float]:
    while len(coordinator.gateway.live.attached_boards()) != count:  # noqa: ASYNC110  # not worth an event of its own
        await asyncio.sleep(0.02)
    await coordinator.gateway.committer.drain()
    return {"rss_bytes": psutil.Process().memory_info().rss}


async def _run(coordinator: Coordinator, database: Path, run_id: str, count: int) -> dict[str, float]:
    """Queue so many jobs for all boards, and time them from then to the last commit."""
    gateway = coordinator.gateway
    boards = tuple(board.board_id for board in gateway.live.attached_boards())
    jobs = [
        Job(JobSpec(f"{run_id}-{number:057d}", run_id, None, Config("command")), boards, estimate_s=1.0)
        for number in range(count)
    ]
    run = Run(run_id, "benchmark", "{}", "benchmark", time.time())
    epoch = Epoch("main", gateway.identity.epoch)
    await gateway.submit(lambda: coordinator.store.create_run(epoch, run, jobs), jobs)
    began, cpu_s, before = time.perf_counter(), time.process_time(), gateway.committer.transactions
    while gateway.live.queued or gateway.live.leased:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.01)
    await gateway.committer.drain()
    wall_s = time.perf_counter() - began
    with closing(sqlite3.connect(database)) as connection:
        [(recorded,)] = connection.execute("SELECT count(*) FROM result WHERE run_id = ?", [run_id])
    assert recorded == count
    return {
        "recorded": recorded,
        "jobs_per_s": recorded / wall_s,
        "cpu_us_per_job": (time.process_time() - cpu_s) / recorded * 1e6,
        "jobs_per_transaction": recorded / (gateway.committer.transactions - before),
    }


# The agents' process.


async def agents(address: str, first: int, count: int, work_s: float) -> None:
    """Attach, work until standard input ends, then tell the gaps between a board's record and its next assignment."""
    gaps_s: list[float] = []
    tasks = [asyncio.create_task(one_agent(address, number, work_s, gaps_s)) for number in range(first, first + count)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps({"gaps_s": gaps_s, "cpu_s": time.process_time()}), flush=True)


async def one_agent(address: str, number: int, work_s: float, gaps_s: list[float]) -> None:
    board_id = f"board-{number}"
    ready = gateway_pb2.AgentEvent(ready=gateway_pb2.Ready(board_id=board_id))
    board = board_pb2.Board(board_id=board_id, board_type="linux", provenance=board_pb2.PROVENANCE_SIMULATED)
    hello = gateway_pb2.Hello(protocol=1, agent_id=f"agent-{number}", instance="benchmark", boards=[board])
    free_at = 0.0
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = _stream(channel)
        await call.write(gateway_pb2.AttachRequest(events=[gateway_pb2.AgentEvent(hello=hello), ready]))
        while (message := await call.read()) is not grpc.aio.EOF:
            for directive in message.directives:
                if directive.WhichOneof("directive") != "assign":
                    continue
                assign = directive.assign
                if free_at:
                    gaps_s.append(time.perf_counter() - free_at)
                if work_s:
                    await asyncio.sleep(work_s * random.uniform(0.5, 1.5))
                record = attempt_pb2.AttemptRecord(
                    job_id=assign.job.job_id,
                    fence=assign.fence,
                    board_id=board_id,
                    attempt=assign.attempt,
                    outcome=attempt_pb2.OUTCOME_PASSED,
                )
                free_at = time.perf_counter()
                events = [gateway_pb2.AgentEvent(record=record), ready]
                await call.write(gateway_pb2.AttachRequest(events=events))


def _stream(channel: grpc.aio.Channel) -> Any:
    anybody: Any = channel
    return anybody.stream_stream(
        ATTACH,
        request_serializer=gateway_pb2.AttachRequest.SerializeToString,
        response_deserializer=gateway_pb2.AttachResponse.FromString,
    )()


# The bare stream: the same messages, and nobody who thinks about them.


async def echo() -> None:
    """Answer each message with a record and a credit by one with an ack and an assignment."""
    lease = Lease("j" * 64, 1)
    spec = JobSpec("j" * 64, "run", None, Config("command"))
    ack = to_ack(lease, recorded=True, duplicate=False)
    response = gateway_pb2.AttachResponse(directives=[ack, to_assign("board-1", lease, 1, spec)])

    async def attach(requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        while await context.read() is not grpc.aio.EOF:
            await context.write(response)

    handler = grpc.stream_stream_rpc_method_handler(
        attach,
        gateway_pb2.AttachRequest.FromString,
        gateway_pb2.AttachResponse.SerializeToString,
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service, _, method = ATTACH[1:].partition("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


# The conductor.


def measure(agent_count: int, jobs: int, *, with_ray: bool) -> dict[str, Any]:
    results: dict[str, Any] = {"agents": agent_count, "jobs": jobs, "rounds": []}
    for number in range(ROUNDS):
        round_ = {
            "bare_grpc_round_trips_per_s": bare_grpc(agent_count),
            "bare_sqlite": bare_sqlite(),
            "flat_out": flat_out(agent_count, jobs),
            "jobs_of_0.1_s": busy_boards(agent_count, jobs // 2, 0.1),
            "jobs_of_1_s": busy_boards(agent_count, 5 * agent_count, 1.0),
        }
        results["rounds"].append(round_)
        print(f"round {number + 1}: {json.dumps(round_)}", flush=True)
    results["memory"] = memory([0, 100, 200, 400])
    print(f"memory: {json.dumps(results['memory'])}", flush=True)
    if with_ray:
        results["ray"] = bare_ray()
        print(f"ray: {json.dumps(results['ray'])}", flush=True)
    results["best"] = best(results)
    return results


def best(results: dict[str, Any]) -> dict[str, float]:
    """The least disturbed round of each figure, and ratios within one round."""
    rounds = results["rounds"]
    summary = {
        "recorded_jobs_per_s": max(r["flat_out"]["jobs_per_s"] for r in rounds),
        "share_of_bare_grpc": max(r["flat_out"]["jobs_per_s"] / r["bare_grpc_round_trips_per_s"] for r in rounds),
        "times_single_sqlite_commits": max(
            r["flat_out"]["jobs_per_s"] / r["bare_sqlite"]["one_row_commits_per_s"] for r in rounds
        ),
        **{
            f"gap_ms_{share}_{kind}": min(r[kind][f"gap_ms_{share}"] for r in rounds)
            for kind in ("jobs_of_0.1_s", "jobs_of_1_s")
            for share in ("p50", "p99")
        },
        "bytes_per_board": results["memory"]["bytes_per_board"],
    }
    if "actor_calls_per_s" in results.get("ray", {}):
        summary["times_ray_actor_calls"] = summary["recorded_jobs_per_s"] / results["ray"]["actor_calls_per_s"]
    return {name: round(value, 3) for name, value in summary.items()}


def flat_out(agent_count: int, jobs: int) -> dict[str, float]:
    """No-op jobs, every agent answers at once."""
    with coordinator() as (process, address), agent_process(address, 0, agent_count, 0.0) as crew:
        ask(process, f"boards {agent_count}")
        figures = ask(process, f"run flat {jobs}")
        return {**figures, **gaps(crew)}


def busy_boards(agent_count: int, jobs: int, work_s: float) -> dict[str, float]:
    """Jobs of `work_s`, give or take a half: how long is a board idle between two of them?"""
    with coordinator() as (process, address), agent_process(address, 0, agent_count, work_s) as crew:
        ask(process, f"boards {agent_count}")
        figures = ask(process, f"run busy {jobs}")
        return {**figures, **gaps(crew)}


def memory(counts: list[int]) -> dict[str, float]:
    """Resident memory of the coordinator with so many agents attached; the slope is what one more board costs."""
    rss: dict[int, float] = {}
    with coordinator() as (process, address):
        crews = []
        try:
            attached = 0
            for count in counts:
                if count > attached:
                    crews.append(_spawn("agents", address, str(attached), str(count - attached), "0"))
                    attached = count
                rss[count] = ask(process, f"boards {count}")["rss_bytes"]
        finally:
            for crew in crews:
                _end(crew)
    # From the first hundred on: the first board also pays for what is imported late.
    slope = statistics.linear_regression(counts[1:], [rss[count] for count in counts[1:]]).slope
    return {**{f"rss_bytes_at_{count}": value for count, value in rss.items()}, "bytes_per_board": slope}


def bare_grpc(streams: int, seconds: float = 3.0) -> float:
    """Round trips per second over as many streams at once."""
    process = _spawn("echo")
    try:
        address = json.loads(_line(process))["address"]
        return asyncio.run(_echo_clients(address, streams, seconds))
    finally:
        _end(process)


async def _echo_clients(address: str, streams: int, seconds: float) -> float:
    lease = {"job_id": "j" * 64, "fence": 1, "board_id": "board-1", "attempt": 1}
    record = attempt_pb2.AttemptRecord(outcome=attempt_pb2.OUTCOME_PASSED, **lease)  # type: ignore[arg-type]
    ready = gateway_pb2.AgentEvent(ready=gateway_pb2.Ready(board_id="board-1"))
    request = gateway_pb2.AttachRequest(events=[gateway_pb2.AgentEvent(record=record), ready])
    counts = [0] * streams

    async def one(number: int) -> None:
        async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            call = _stream(channel)
            while time.perf_counter() < end:
                await call.write(request)
                await call.read()
                counts[number] += 1

    began = time.perf_counter()
    end = began + seconds
    await asyncio.gather(*map(one, range(streams)))
    return sum(counts) / (time.perf_counter() - began)


def bare_sqlite(seconds: float = 1.0) -> dict[str, float]:
    """Commits of one row, and rows in commits of a hundred; WAL, synchronous=FULL, as the store has it."""
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "bare.db")) as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, job TEXT, fence INTEGER, at REAL)")
        rates = {}
        for name, size in (("one_row_commits_per_s", 1), ("rows_in_commits_of_100_per_s", 100)):
            rows, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO t (job, fence, at) VALUES (?, 1, 1.0)", [("j" * 64,)] * size)
                connection.execute("COMMIT")
                rows += size
            rates[name] = rows / (time.perf_counter() - began)
        return rates


def bare_ray(calls: int = 2000) -> dict[str, Any]:
    """Pipelined calls of one actor that does nothing; how a gateway made of actors would have to speak to itself."""
    script = (
        "import json, time, ray\n"
        "ray.init(address='local', num_cpus=2, include_dashboard=False, object_store_memory=80_000_000,\n"
        "         log_to_driver=False)\n"
        "class Echo:\n    def say(self, x):\n        return x\n"
        "actor = ray.remote(Echo).remote()\n"
        "ray.get(actor.say.remote(0))\n"
        f"began = time.perf_counter(); ray.get([actor.say.remote(n) for n in range({calls})])\n"
        f"print(json.dumps({{'actor_calls_per_s': {calls} / (time.perf_counter() - began)}}))\n"
        "ray.shutdown()\n"
    )
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        return {"not_measured": f"Ray did not start: {type(error).__name__}"}
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


@contextmanager
def coordinator() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with tempfile.TemporaryDirectory() as folder:
        process = _spawn("coordinator", folder)
        try:
            yield process, json.loads(_line(process))["address"]
        finally:
            _end(process)


@contextmanager
def agent_process(address: str, first: int, count: int, work_s: float) -> Iterator[subprocess.Popen[str]]:
    process = _spawn("agents", address, str(first), str(count), str(work_s))
    try:
        yield process
    finally:
        _end(process)


def ask(process: subprocess.Popen[str], order: str) -> dict[str, float]:
    assert process.stdin is not None
    process.stdin.write(order + "\n")
    process.stdin.flush()
    answer: dict[str, float] = json.loads(_line(process))
    return answer


def gaps(crew: subprocess.Popen[str]) -> dict[str, float]:
    """Milliseconds from a record sent to the next assignment received."""
    answer = json.loads(crew.communicate()[0])
    ordered = sorted(answer["gaps_s"])
    return {
        "gap_ms_p50": ordered[len(ordered) // 2] * 1e3,
        "gap_ms_p99": ordered[len(ordered) * 99 // 100] * 1e3,
        "agents_cpu_us_per_job": answer["cpu_s"] / len(ordered) * 1e6,
    }


def _spawn(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.gateway", "--role", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process of the benchmark ended with {process.wait()}")
    return line


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=12_000)
    parser.add_argument("--no-ray", action="store_true")
    parser.add_argument("--role", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role is None:
        before = describe_machine()
        results = measure(options.agents, options.jobs, with_ray=not options.no_ray)
        RESULTS.write_text(
            json.dumps({"machine": before, "load_after": os.getloadavg()[0], **results}, indent=2) + "\n"
        )
        print(json.dumps(results["best"], indent=2))
        return
    role, *rest = options.role
    if role == "coordinator":
        asyncio.run(coordinate(Path(rest[0])))
    elif role == "agents":
        asyncio.run(agents(rest[0], int(rest[1]), int(rest[2]), float(rest[3])))
    else:
        asyncio.run(echo())


if __name__ == "__main__":
    main()
