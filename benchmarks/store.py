"""What recording costs: the store beside bare sqlite3 doing the same rows.

    python -m benchmarks.store [--seconds 5] [--postgres URL]

A *pair* is what one finished job costs the database: the settlement of one job and the claim of the next, here fifty
of each in a transaction, as a busy gateway groups them. Pairs are timed bare (a record without launches) and full
(three launches of 1,000 latencies, six sensors at 1 Hz for a minute, two contexts of forty facts).

The floor is taken in the same run: the very statements and rows that the store sent are sent again through bare
`sqlite3` (`executemany`, same pragmas, same syncs) into a copy of the database. Rounds of the two alternate, so what
else the machine does hits both alike; the ratio is what to trust, and CPU time more than wall time. Results go to
benchmarks/results/store.json.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import event

from benchmarks.machine import describe_machine
from devicefarm import columns
from farm.model.attempt import AttemptRecord, Column, Launch, Lease, Outcome, SensorSeries, Telemetry
from farm.model.board import Board, BoardState
from farm.model.identity import digest
from farm.model.job import ArtifactRef, Config, Job, JobSpec, Model, Run
from farm.model.result import Interval, Summary
from farm.scheduling.commands import Finish
from farm.store.store import Epoch, Store
from farm.store.writes import BoardWrite, ClaimWrite, SettleWrite, Write, WriteResult

RESULTS = Path(__file__).parent / "results" / "store.json"
BATCH = 50
ROUND = 40 * BATCH
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384")

Statements = list[tuple[str, Any, bool]]


@dataclass
class Timing:
    """Of one round: seconds on the clock and of this process' CPU."""

    wall_s: float
    cpu_s: float


@contextmanager
def timed(timings: list[Timing]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    timings.append(Timing(time.perf_counter() - wall, time.process_time() - cpu))


def main() -> None:
    parser = argparse.ArgumentParser(description="What recording costs, beside bare sqlite3.")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each comparison")
    parser.add_argument("--postgres", help="address of an empty PostgreSQL database, to time it too")
    arguments = parser.parse_args()
    results: dict[str, object] = {"machine": describe_machine(), "batch": BATCH}
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
        url = f"sqlite:///{folder}/farm.db"
        results["open_cold_s"] = clock(lambda: Store.open(url).close())
        results["open_warm_s"] = statistics.median(clock(lambda: Store.open(url).close()) for _ in range(20))
        for name, record in (("bare", bare_record), ("full", full_record)):
            results[f"sqlite_{name}"] = compare(Path(folder) / name, record, arguments.seconds)
    if arguments.postgres:
        with Store.open(arguments.postgres) as store:
            results["postgresql_settings"] = server_settings(store)
        for name, record in (("bare", bare_record), ("full", full_record)):
            with Store.open(arguments.postgres) as store:
                results[f"postgresql_{name}"] = time_alone(store, name, record, arguments.seconds)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


def clock(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


class Pairs:
    """A store at work: each round settles and claims `ROUND` jobs that were submitted before."""

    def __init__(self, store: Store, name: str, record: Callable[[Job], AttemptRecord]) -> None:
        self.store = store
        self.name = name
        self.record = record
        self.epoch: Epoch = store.hold("bench", host="bench", takeover=True)
        self.rounds = 0
        store.apply(self.epoch, [BoardWrite(Board("board", "bench", "bench"), BoardState.IDLE)])

    def prepare(self) -> list[list[Write]]:
        """The transactions of a round, made beforehand: only what the store does is timed."""
        self.rounds += 1
        run_id = f"{self.name}-{self.rounds}"
        jobs = make_jobs(run_id, ROUND)
        self.store.create_run(self.epoch, Run(run_id, "bench", "{}", "bench", time.time()), jobs)
        batches: list[list[Write]] = []
        before: Sequence[Job] = ()
        for start in range(0, ROUND, BATCH):
            now = jobs[start : start + BATCH]
            claims = [ClaimWrite(Lease(job.job_id, 1), "board", 1) for job in now]
            batches.append([*map(self.settlement, before), *claims])
            before = now
        batches.append([*map(self.settlement, before)])
        return batches

    def settlement(self, job: Job) -> SettleWrite:
        return SettleWrite(self.record(job), Finish(Outcome.PASSED), SUMMARY if self.record is full_record else None)

    def work(self, batches: list[list[Write]]) -> None:
        for batch in batches:
            answers = self.store.apply(self.epoch, batch)
            assert all(answer is WriteResult.ACCEPTED for answer in answers)


def compare(folder: Path, record: Callable[[Job], AttemptRecord], seconds: float) -> dict[str, object]:
    """Rounds of the store and of bare sqlite3 in turn."""
    folder.mkdir()
    ours: list[Timing] = []
    bare: list[Timing] = []
    with Store.open(f"sqlite:///{folder}/farm.db") as store:
        sent: list[Statements] = []
        watch(store, sent)
        pairs = Pairs(store, folder.name, record)
        until = time.monotonic() + 2 * seconds
        while time.monotonic() < until or len(ours) < 3:
            batches = pairs.prepare()
            floor = copy(folder)
            sent.clear()
            with timed(ours):
                pairs.work(batches)
            with timed(bare):
                replay(floor, sent)
            check_same(folder, floor)
            floor.close()
        size_bytes = (folder / "farm.db").stat().st_size
    ratio = statistics.median(one.cpu_s / other.cpu_s for one, other in zip(ours, bare, strict=True))
    return {
        "store": describe(ours),
        "bare_sqlite3": describe(bare),
        "cpu_ratio": round(ratio, 2),
        "bytes_per_job_on_disk": size_bytes // (pairs.rounds * ROUND),
    }


def time_alone(store: Store, name: str, record: Callable[[Job], AttemptRecord], seconds: float) -> dict[str, object]:
    timings: list[Timing] = []
    pairs = Pairs(store, name, record)
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(timings) < 3:
        batches = pairs.prepare()
        with timed(timings):
            pairs.work(batches)
    return {"store": describe(timings)}


def server_settings(store: Store) -> dict[str, str]:
    """What decides how a server's figures are to be read."""
    with store.read() as connection:
        names = ("server_version", "fsync", "synchronous_commit")
        return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}


def describe(timings: list[Timing]) -> dict[str, float]:
    """Pairs per second: the median round and the best; CPU of this process for one pair."""
    rates = [ROUND / timing.wall_s for timing in timings]
    return {
        "rounds": len(timings),
        "pairs_per_s_median": round(statistics.median(rates)),
        "pairs_per_s_best": round(max(rates)),
        "cpu_us_per_pair_median": round(statistics.median(timing.cpu_s for timing in timings) / ROUND * 1e6, 1),
        "cpu_us_per_pair_best": round(min(timing.cpu_s for timing in timings) / ROUND * 1e6, 1),
    }


def watch(store: Store, sent: list[Statements]) -> None:
    """Write down every statement, by transaction."""
    engine = store._database.engine
    current: Statements = []

    def executing(_c: object, _cursor: object, sql: str, rows: Any, _context: object, many: bool) -> None:
        current.append((sql, rows, many))

    def committed(_connection: object) -> None:
        sent.append(list(current))
        current.clear()

    event.listen(engine, "before_cursor_execute", executing)
    event.listen(engine, "commit", committed)


def copy(folder: Path) -> sqlite3.Connection:
    """A copy of the database as it is, opened as the store opens it."""
    target = folder / "floor.db"
    for old in folder.glob("floor.db*"):
        old.unlink()
    with sqlite3.connect(folder / "farm.db") as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    source.close()
    shutil.copy(folder / "farm.db", target)
    floor = sqlite3.connect(target, isolation_level=None)
    for pragma in PRAGMAS:
        floor.execute(f"PRAGMA {pragma}")
    return floor


def replay(connection: sqlite3.Connection, sent: list[Statements]) -> None:
    for transaction in sent:
        for sql, rows, many in transaction:
            if many:
                connection.executemany(sql, rows)
            else:
                connection.execute(sql, rows).fetchall()
        connection.execute("COMMIT")


def check_same(folder: Path, floor: sqlite3.Connection) -> None:
    """The two did the same work, or the comparison is worth nothing."""
    ours = sqlite3.connect(folder / "farm.db")
    for table in ("attempt", "result", "samples", "telemetry", "audit"):
        count = f"SELECT count(*) FROM {table}"
        assert ours.execute(count).fetchone() == floor.execute(count).fetchone(), table
    ours.close()


def make_jobs(run_id: str, count: int) -> list[Job]:
    model = Model("cnn", "onnx", "float32", ArtifactRef("a" * 64, 4_159_692, "cnn.onnx"))
    return [
        Job(JobSpec(digest([run_id, number]), run_id, model, Config("onnxruntime", threads=1 + number % 4)), ("board",))
        for number in range(count)
    ]


def bare_record(job: Job) -> AttemptRecord:
    return AttemptRecord(Lease(job.job_id, 1), "board", 1, Outcome.PASSED)


_chance = random.Random(0)
_LATENCIES_NS = [int(_chance.lognormvariate(math.log(1e6), 0.05)) for _ in range(1_000)]
_LAUNCHES = tuple(
    Launch(
        index=index,
        load_s=0.2,
        first_inference_s=0.01,
        warmup_count=30,
        warmup_s=0.03,
        measure_start_s=1.0,
        measure_s=1.0,
        latency_ns=Column(columns.INTEGERS, len(_LATENCIES_NS), columns.pack_integers(_LATENCIES_NS)),
        peak_rss_bytes=62 * 2**20,
        conversion_s=2e-5,
        overhead_s=7e-8,
        runtime_facts={"onnxruntime": "1.31.1", "providers": "CPUExecutionProvider"},
    )
    for index in range(3)
)
_SERIES = tuple(
    SensorSeries(
        f"sensor-{number}",
        "C",
        "thermal_zone",
        Column(columns.INTEGERS, 60, columns.pack_integers(range(0, 60 * 10**9, 10**9))),
        Column(columns.FLOATS, 60, columns.pack_floats(50 + _chance.random() for _ in range(60))),
    )
    for number in range(6)
)
_CONTEXT = {f"fact-{number}": f"value {number}" for number in range(40)}


def full_record(job: Job) -> AttemptRecord:
    return replace(
        bare_record(job),
        launches=_LAUNCHES,
        telemetry=Telemetry(series=_SERIES),
        context_before=_CONTEXT,
        context_after=_CONTEXT,
    )


SUMMARY = Summary(
    count=3_000,
    batch=1,
    throughput_per_s=1_000.0,
    latency_min_s=0.0009,
    latency_mean_s=0.001,
    latency_p50_s=0.001,
    latency_p50_interval=Interval(0.00099, 0.00101),
    latency_p90_s=0.0011,
    latency_p99_s=0.0013,
    load_s=0.2,
    first_inference_s=0.01,
    peak_rss_bytes=62 * 2**20,
    temperature_start_c=50.0,
    temperature_max_c=51.0,
    clock_min_hz=1.5e9,
    clock_max_hz=1.5e9,
    findings=(),
)


if __name__ == "__main__":
    main()
