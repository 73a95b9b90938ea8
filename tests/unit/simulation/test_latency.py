from __future__ import annotations

import random
import statistics
from itertools import islice

import pytest

from devicefarm.v1 import job_pb2
from farm_agent.simulation.latency import Work, noise_factors
from farm_agent.simulation.presets import PI4


def changed(spec: job_pb2.JobSpec, **config: object) -> job_pb2.JobSpec:
    other = job_pb2.JobSpec()
    other.CopyFrom(spec)
    for name, value in config.items():
        setattr(other.config, name, value)
    return other


def test_more_threads_are_faster_by_less_than_their_number(spec: job_pb2.JobSpec) -> None:
    one, four = (Work(changed(spec, threads=threads), PI4).latency_s(1.5e9) for threads in (1, 4))
    assert 2.0 < one / four < 4.0


def test_more_threads_than_cores_are_slower(spec: job_pb2.JobSpec) -> None:
    four, eight = (Work(changed(spec, threads=threads), PI4).latency_s(1.5e9) for threads in (4, 8))
    assert eight > four


def test_a_batch_costs_less_than_its_inputs_one_by_one(spec: job_pb2.JobSpec) -> None:
    one, eight = (Work(changed(spec, batch=batch), PI4).latency_s(1.5e9) for batch in (1, 8))
    assert one * 4 < eight < one * 8


def test_half_the_clock_is_less_than_twice_as_slow(spec: job_pb2.JobSpec) -> None:
    work = Work(spec, PI4)
    assert 1.5 < work.latency_s(0.75e9) / work.latency_s(1.5e9) < 2.0


def test_the_precisions_of_one_model_compare(spec: job_pb2.JobSpec) -> None:
    int8 = changed(spec, precision="int8")
    int8.model.artifact.size_bytes = spec.model.artifact.size_bytes // 4
    int8.model.artifact.sha256 = "ef" * 32
    gain = Work(spec, PI4).latency_s(1.5e9) / Work(int8, PI4).latency_s(1.5e9)
    assert gain == pytest.approx(PI4.compute.int8_speedup, rel=0.1)


def test_another_file_and_another_version_differ_a_little(spec: job_pb2.JobSpec) -> None:
    other_file = changed(spec)
    other_file.model.artifact.sha256 = "12" * 32
    times = {
        Work(job, PI4).latency_s(1.5e9) for job in (spec, other_file, changed(spec, requirement="onnxruntime==1.20.*"))
    }
    assert len(times) == 3
    assert max(times) / min(times) < 1.2


def test_a_command_without_a_model_takes_some_time() -> None:
    spec = job_pb2.JobSpec(config=job_pb2.Config(runtime="command"))
    assert Work(spec, PI4).latency_s(1.5e9) > 1e-5


def test_noise_scatters_around_one_with_a_heavy_tail() -> None:
    factors = list(islice(noise_factors(random.Random(1)), 50_000))
    assert statistics.median(factors) == pytest.approx(1.0, abs=0.02)
    assert min(factors) > 0.9
    outliers = [factor for factor in factors if factor > 1.4]
    assert 50 < len(outliers) < 200
    assert max(outliers) > 2.5


def test_noise_wanders_so_neighbours_resemble_each_other() -> None:
    logs = [factor for factor in islice(noise_factors(random.Random(2)), 50_000) if factor < 1.4]
    mean = statistics.fmean(logs)
    variance = statistics.fmean((value - mean) ** 2 for value in logs)
    lag_50 = statistics.fmean((a - mean) * (b - mean) for a, b in zip(logs, logs[50:])) / variance
    assert 0.02 < lag_50 < 0.5


def test_launches_have_offsets_of_their_own() -> None:
    medians = [statistics.median(islice(noise_factors(random.Random(seed)), 3_000)) for seed in range(8)]
    assert statistics.stdev(medians) > 0.001
