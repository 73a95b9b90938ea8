"""Runs, jobs, boards and records for the store's tests: as a real farm makes them, with everything filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from devicefarm import columns
from farm.model.attempt import (
    AttemptRecord,
    Column,
    ErrorKind,
    Launch,
    Lease,
    Outcome,
    Phase,
    PhaseSpan,
    SensorSeries,
    Telemetry,
    ThrottleEvent,
    Verification,
)
from farm.model.board import Board, BoardFacts, BoardState, Provenance, RuntimeOffer
from farm.model.identity import digest
from farm.model.job import (
    ArtifactRef,
    Config,
    Gate,
    Job,
    JobSpec,
    JobState,
    Limits,
    Model,
    Run,
    Scenario,
    ScenarioKind,
    make_job_id,
)
from farm.model.result import Finding, Interval, Summary, Verdict
from farm.scheduling.commands import Disposition, Finish, Requeue
from farm.store.writes import BoardWrite, ClaimWrite, ExpireWrite, SettleWrite

PASSED = Finish(Outcome.PASSED)
BACK = Requeue(ErrorKind.BOARD, "the link broke", blames_board=True)
MODEL = Model("cnn", "onnx", "float32", ArtifactRef(digest("cnn"), 4_159_692, "cnn.onnx"), ArtifactRef("9" * 64, 512))
SCENARIO = Scenario(ScenarioKind.OFFLINE, min_duration_s=2.5, seed=7, converge={"latency_p50": 0.01})


def make_run(run_id: str = "run-1", created_unix_s: float = 1_000.0) -> Run:
    return Run(run_id, "nightly", '{"name":"nightly"}', "ada", created_unix_s)


def make_jobs(count: int, run_id: str = "run-1", boards: tuple[str, ...] = ("pi-4", "pi-5")) -> list[Job]:
    """Jobs that differ in their thread counts."""
    return [make_job(run_id, threads, boards) for threads in range(1, count + 1)]


def make_job(run_id: str, threads: int, boards: tuple[str, ...]) -> Job:
    config = Config("onnxruntime", "onnxruntime==1.20.*", threads=threads, knobs={"governor": '"performance"'})
    job_id = make_job_id(
        run_id=run_id,
        model_sha256=MODEL.artifact.sha256,
        boards=boards,
        config=config,
        scenario=SCENARIO,
        runner="onnxruntime",
        repeat=0,
    )
    spec = JobSpec(job_id, run_id, MODEL, config, SCENARIO, Gate(55.0), Limits(60.0, 2**30), launches=2, cooldown_s=0.5)
    return Job(spec, boards, priority=3, estimate_s=12.5)


def make_board(board_id: str = "pi-4") -> Board:
    return Board(
        board_id,
        "raspberry-pi-4",
        f"shelf {board_id}",
        Provenance.SIMULATED,
        BoardFacts(hostname="pi", cpu_count=4, cpu_features=("asimd",), memory_bytes=2**32, extra={"rev": "d03115"}),
        tags={"room": "lab"},
        runtimes=(RuntimeOffer("onnxruntime", ("onnx",)), RuntimeOffer("openvino", (), "no wheel for aarch64")),
        knobs=("governor",),
        sensors=("soc",),
        agent_id="agent-1",
    )


def board_writes(*board_ids: str) -> list[BoardWrite]:
    return [BoardWrite(make_board(board_id), BoardState.IDLE) for board_id in board_ids]


def claim(job: Job, fence: int = 1, board_id: str = "pi-4") -> ClaimWrite:
    return ClaimWrite(Lease(job.job_id, fence), board_id, attempt=fence)


def settle(
    job: Job, fence: int = 1, board_id: str = "pi-4", disposition: Disposition = PASSED, summary: Summary | None = None
) -> SettleWrite:
    return SettleWrite(make_record(job, fence, board_id), disposition, summary)


def expire(job: Job, fence: int = 1, board_id: str = "pi-4", disposition: Disposition = BACK) -> ExpireWrite:
    return ExpireWrite(Lease(job.job_id, fence), board_id, disposition)


def make_record(job: Job, fence: int = 1, board_id: str = "pi-4") -> AttemptRecord:
    return AttemptRecord(
        lease=Lease(job.job_id, fence),
        board_id=board_id,
        attempt=fence,
        outcome=Outcome.PASSED,
        log_tail="ok\n",
        phases=(PhaseSpan(Phase.PREPARE, 0.0, 1.5, "environment from the cache"), PhaseSpan(Phase.MEASURE, 1.5, 4.0)),
        launches=tuple(make_launch(index) for index in range(2)),
        telemetry=Telemetry(
            series=(make_series("soc", [48.0, 51.5]), make_series("gpu", [47.0, 50.0])),
            throttle_events=(ThrottleEvent(2.0, 2.5, "soft temperature limit", "vcgencmd"),),
        ),
        context_before={"kernel": "6.6.31", "governor": "performance"},
        context_after={"kernel": "6.6.31", "governor": "performance", "swap": "0"},
        verification=Verification(True, 1e-6, 0.99, "848 of 848 classes", "a" * 64),
        started_unix_s=1_700_000_000.25,
        duration_s=4.75,
        environment="e" * 64,
        isolation="rlimits",
        knobs_read_back={"governor": '"performance"'},
    )


def make_launch(index: int, latencies_ns: Sequence[int] = (1_000_000, 1_010_000, 990_000)) -> Launch:
    return Launch(
        index=index,
        load_s=0.25,
        first_inference_s=0.004,
        warmup_count=30,
        warmup_s=0.03,
        measure_start_s=1.5 + index,
        measure_s=0.003,
        latency_ns=Column(columns.INTEGERS, len(latencies_ns), columns.pack_integers(latencies_ns)),
        peak_rss_bytes=62 * 2**20,
        conversion_s=2e-5,
        overhead_s=7e-8,
        runtime_facts={"onnxruntime": "1.20.1", "providers": "CPUExecutionProvider"},
    )


def make_series(sensor: str, celsius: Sequence[float]) -> SensorSeries:
    stamps = [second * 10**9 for second in range(len(celsius))]
    return SensorSeries(
        sensor,
        "C",
        "thermal_zone0",
        Column(columns.INTEGERS, len(stamps), columns.pack_integers(stamps)),
        Column(columns.FLOATS, len(celsius), columns.pack_floats(celsius)),
    )


def make_summary() -> Summary:
    return Summary(
        count=6,
        batch=1,
        throughput_per_s=1_000.5,
        latency_min_s=0.00099,
        latency_mean_s=0.001,
        latency_p50_s=0.001,
        latency_p50_interval=Interval(0.00099, 0.00101),
        latency_p90_s=0.00101,
        latency_p99_s=None,
        load_s=0.25,
        first_inference_s=0.004,
        peak_rss_bytes=62 * 2**20,
        temperature_start_c=48.0,
        temperature_max_c=51.5,
        clock_min_hz=1.5e9,
        clock_max_hz=None,
        findings=(Finding(Verdict.UNCONVERGED, "half-width 3 % of 1 %"), Finding(Verdict.THROTTLED, "2.0 s to 2.5 s")),
    )


def unsupported(job: Job) -> Job:
    return replace(job, state=JobState.FINISHED, outcome=Outcome.UNSUPPORTED, error="needs 3 GiB, the board has 2")
