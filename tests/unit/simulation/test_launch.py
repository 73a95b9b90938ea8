from __future__ import annotations

import statistics
import threading
from pathlib import Path
from typing import Callable

import pytest

from devicefarm.columns import unpack_floats, unpack_integers
from devicefarm.v1 import attempt_pb2, job_pb2
from farm_agent.boards.base import BoardOptions, LaunchResult, RunnerEvent
from farm_agent.boards.simulated import SimulatedBoard, parse_simulation
from farm_agent.errors import AttemptError, CancelledError
from farm_agent.simulation.executor import SimulatedExecutor
from farm_agent.telemetry import TelemetrySampler

Launcher = Callable[..., LaunchResult]
Opener = Callable[[str], SimulatedBoard]


def test_a_launch_walks_through_its_phases_and_tells_how_far_it_is(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    events: list[RunnerEvent] = []
    result = launch(board("pi4"), spec, events=events)
    phases = list(dict.fromkeys(event.phase for event in events))
    assert phases == ["load", "warmup", "measure", "verify"]
    fractions = [event.fraction for event in events if event.phase == "measure"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    latencies_ns = unpack_integers(result.latency_ns)
    assert result.count == len(latencies_ns) >= 64
    assert sum(latencies_ns) / 1e9 == pytest.approx(result.measure_s, rel=1e-6)
    assert result.measure_s >= 2.0
    assert result.first_inference_s > statistics.median(latencies_ns) / 1e9
    assert result.runtime_facts["simulated"] == "true"
    assert result.matches is True
    assert len(result.output_sha256) == 64


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    tmp_path: Path, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    def results(argument: str) -> tuple[bytes, bytes]:
        fresh = SimulatedBoard(parse_simulation(argument), BoardOptions())
        with TelemetrySampler(fresh.sensors(), fresh.clock) as sampler:
            result = launch(fresh, spec)
        return result.latency_ns, sampler.finish().SerializeToString(deterministic=True)

    assert results("pi4?seed=7") == results("pi4?seed=7") == results("pi4?seed=7&speed=500")
    assert results("pi4?seed=7")[0] != results("pi4?seed=8")[0]


def test_another_job_and_another_launch_scatter_differently(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    first = launch(board("pi4"), spec)
    assert launch(board("pi4"), spec, index=1).latency_ns != first.latency_ns
    spec.job_id = "job-2"
    assert launch(board("pi4"), spec).latency_ns != first.latency_ns


def test_a_long_load_gets_hot_slow_and_says_so(board: Opener, launch: Launcher, spec: job_pb2.JobSpec) -> None:
    spec.scenario.min_duration_s, spec.scenario.max_duration_s = 300.0, 400.0
    pi = board("pi4")
    with TelemetrySampler(pi.sensors(), pi.clock) as sampler:
        latencies_ns = unpack_integers(launch(pi, spec).latency_ns)
    tenth = len(latencies_ns) // 10
    cold, hot = statistics.median(latencies_ns[:tenth]), statistics.median(latencies_ns[-tenth:])
    assert hot > cold * 1.03
    telemetry = sampler.finish()
    assert [event.reason for event in telemetry.throttle_events] == ["soft temperature limit"]
    assert telemetry.throttle_events[0].sensor == "throttle.bits"
    readings = {series.sensor: unpack_floats(series.values.inline) for series in telemetry.series}
    assert 79.0 < max(readings["temperature.cpu-thermal"]) < 83.0
    assert min(readings["clock.cpu"][200:]) < 1.5e9
    assert {series.source for series in telemetry.series} == {"simulated"}


def test_the_first_environment_costs_time_and_the_second_does_not(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    pi = board("pi4")
    launch(pi, spec)
    after_first = pi.clock.monotonic()
    launch(pi, spec)
    assert after_first > 18.0
    assert pi.clock.monotonic() - after_first < 5.0


def test_maximums_end_it(board: Opener, launch: Launcher, spec: job_pb2.JobSpec) -> None:
    spec.scenario.max_count = 10
    assert launch(board("pi4"), spec).count == 10
    spec.scenario.max_count = 0
    spec.scenario.max_duration_s = 0.5
    assert launch(board("pi4"), spec).measure_s == pytest.approx(0.5, abs=0.11)


def test_asked_to_converge_it_goes_on_until_the_median_is_known(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    spec.scenario.min_duration_s = 0.2
    quick = launch(board("pi4"), spec).count
    spec.scenario.converge["latency_p50"] = 0.0002
    assert launch(board("pi4"), spec).count > quick * 4


@pytest.mark.parametrize(
    ("kind", "log"), [("crash", "told to crash"), ("segfault", "Segmentation"), ("alloc", "Memory")]
)
@pytest.mark.parametrize("phase", ["prepare", "load", "warmup", "measure", "verify"])
def test_a_fault_strikes_in_its_phase(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec, kind: str, log: str, phase: str
) -> None:
    events: list[RunnerEvent] = []
    pi = board(f"pi4?faults={kind}@{phase}")
    with pytest.raises(AttemptError, match=f"simulated fault.*while in {phase}") as raised:
        launch(pi, spec, events=events)
    assert raised.value.outcome == attempt_pb2.OUTCOME_FAILED
    assert log in raised.value.log_tail
    assert [event.phase for event in events][-1:] == ([] if phase == "prepare" else [phase])
    assert pi.machine.view().power_w == pytest.approx(1.9), "no core is busy after it"


def test_a_hang_shows_no_progress_and_ends_when_it_is_stopped(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    cancel = threading.Event()
    notes: list[str] = []

    class Impatient(list[RunnerEvent]):
        def append(self, event: RunnerEvent) -> None:
            notes.append(event.note)
            if "120 s" in event.note:
                cancel.set()

    with pytest.raises(CancelledError):
        launch(board("pi4?faults=hang"), spec, events=Impatient(), cancel=cancel)
    assert notes[-1] == "no sign of life for 120 s"


def test_a_cancel_ends_a_launch_at_once(board: Opener, launch: Launcher, spec: job_pb2.JobSpec) -> None:
    cancel = threading.Event()
    pi = board("pi4")
    pi.clock.every(19.0, cancel.set)
    with pytest.raises(CancelledError):
        launch(pi, spec, cancel=cancel)
    assert pi.clock.monotonic() == 19.0


def test_a_slow_attempt_and_an_under_voltage_are_seen_in_the_numbers(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    usual = statistics.median(unpack_integers(launch(board("pi4"), spec).latency_ns))
    slow = statistics.median(unpack_integers(launch(board("pi4?seed=0&faults=slowx2"), spec).latency_ns))
    assert slow == pytest.approx(2 * usual, rel=0.02)
    spec.scenario.min_duration_s = 10.0
    pi = board("pi4?faults=undervoltx3")
    with TelemetrySampler(pi.sensors(), pi.clock) as sampler:
        sagged = unpack_integers(launch(pi, spec).latency_ns)
    (event,) = sampler.finish().throttle_events
    assert event.reason == "under-voltage"
    assert event.end_s - event.start_s == pytest.approx(3.0, abs=1.01)
    assert statistics.quantiles(sagged, n=10)[-1] > 1.5 * usual


def test_wrong_outputs_do_not_match_and_have_another_digest(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    right, wrong = launch(board("pi4"), spec), launch(board("pi4?faults=wrong-output"), spec)
    assert (right.matches, wrong.matches) == (True, False)
    assert wrong.max_abs_error > 0.1 > right.max_abs_error
    assert wrong.output_sha256 != right.output_sha256
    spec.model.ClearField("golden")
    unknown = launch(board("pi4"), spec)
    assert unknown.matches is None
    assert unknown.output_sha256 == right.output_sha256


def test_a_vanishing_board_takes_its_agent_with_it(board: Opener, launch: Launcher, spec: job_pb2.JobSpec) -> None:
    class PowerCut(BaseException):
        pass

    def cut() -> None:
        raise PowerCut

    executor = SimulatedExecutor(board("pi4?faults=vanish@measure:#2").machine, vanish=cut)
    launch(executor, spec)
    with pytest.raises(PowerCut):
        launch(executor, spec)


def test_what_the_board_cannot_run_is_unsupported_before_time_is_spent(
    board: Opener, launch: Launcher, spec: job_pb2.JobSpec
) -> None:
    for argument, change in (
        ("pi4", {"runtime": "tensorrt"}),
        ("pi4", {"runtime": "litert"}),
        ("coral", {"precision": "float32"}),
        ("pi4", {"batch": 20_000}),
    ):
        job = job_pb2.JobSpec()
        job.CopyFrom(spec)
        for name, value in change.items():
            setattr(job.config, name, value)
        fresh = board(argument)
        with pytest.raises(AttemptError) as raised:
            launch(fresh, job)
        assert raised.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED
        assert fresh.clock.monotonic() == 0.0


def test_a_memory_limit_that_is_passed_fails_the_job(board: Opener, launch: Launcher, spec: job_pb2.JobSpec) -> None:
    spec.limits.memory_bytes = 10 << 20
    with pytest.raises(AttemptError, match=r"limits\.memory") as raised:
        launch(board("pi4"), spec)
    assert raised.value.outcome == attempt_pb2.OUTCOME_FAILED
