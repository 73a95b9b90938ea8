"""Attempt records made of plain numbers, as a board would have left them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from devicefarm import columns
from farm.model.attempt import (
    AttemptRecord,
    Column,
    Launch,
    Lease,
    Outcome,
    SensorSeries,
    Telemetry,
    ThrottleEvent,
    Verification,
)
from farm.model.job import ArtifactRef, Config, JobSpec, Model, Scenario

RecordMaker = Callable[..., AttemptRecord]


def one_per_second(name: str, unit: str, values: Sequence[float]) -> SensorSeries:
    at_ns = [second * 1_000_000_000 for second in range(len(values))]
    return SensorSeries(
        name,
        unit,
        "test",
        Column(columns.INTEGERS, len(at_ns), columns.pack_integers(at_ns)),
        Column(columns.FLOATS, len(at_ns), columns.pack_floats(values)),
    )


@pytest.fixture
def spec() -> JobSpec:
    return JobSpec(
        job_id="j",
        run_id="r",
        model=Model("cnn", "onnx", "float32", ArtifactRef("0" * 64, 1)),
        config=Config(runtime="onnxruntime", batch=4),
        scenario=Scenario(min_count=10, converge={"latency_p50": 0.01}),
    )


@pytest.fixture
def make_record() -> RecordMaker:
    def make(
        *latencies_ns: Sequence[int],
        throttle_events: tuple[ThrottleEvent, ...] = (),
        verification: Verification | None = None,
        context_before: dict[str, str] | None = None,
        temperatures_c: Sequence[float] = (),
        busy: Sequence[float] = (),
        steal: Sequence[float] = (),
        seconds_each: float = 0.0,
        outcome: Outcome = Outcome.PASSED,
    ) -> AttemptRecord:
        launches = tuple(
            Launch(
                index=index,
                load_s=0.1 * (index + 1),
                first_inference_s=0.02,
                warmup_count=5,
                warmup_s=0.1,
                measure_start_s=10.0 * index,
                measure_s=seconds_each or sum(series) * 1e-9,
                latency_ns=Column(columns.INTEGERS, len(series), columns.pack_integers(series)),
                peak_rss_bytes=1000 + index,
                conversion_s=0.0,
                overhead_s=1e-6,
            )
            for index, series in enumerate(latencies_ns)
        )
        series = [
            one_per_second(name, unit, values)
            for name, unit, values in (
                ("temperature.cpu", "C", temperatures_c),
                ("cpu.busy", "ratio", busy),
                ("cpu.steal", "ratio", steal),
            )
            if values
        ]
        return AttemptRecord(
            lease=Lease("j", 1),
            board_id="b",
            attempt=1,
            outcome=outcome,
            launches=launches,
            telemetry=Telemetry(tuple(series), throttle_events),
            verification=verification,
            context_before=context_before or {},
        )

    return make
