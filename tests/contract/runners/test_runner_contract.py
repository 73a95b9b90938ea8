"""What holds for every runner of a runtime: real wheels, real models, real subprocesses."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from devicefarm import columns
from devicefarm.v1 import attempt_pb2
from farm_agent.boards.base import RunnerEvent
from farm_agent.errors import AttemptError, CancelledError

from .conftest import Bench

pytestmark = pytest.mark.network


class Case(NamedTuple):
    runtime: str
    requirement: str
    suffix: str
    version_fact: str
    version: str


CASES = [
    Case("onnxruntime", "", "onnx", "onnxruntime", "1."),
    Case("onnxruntime", "onnxruntime==1.20.*", "onnx", "onnxruntime", "1.20."),
    Case("litert", "", "tflite", "ai-edge-litert", ""),
    Case("litert", "tflite-runtime==2.14.0", "tflite", "tflite-runtime", "2.14.0"),
]


@pytest.fixture(params=CASES, ids=lambda case: case.requirement or case.runtime)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_a_launch_measures_what_was_asked_and_says_how(bench: Bench, models: Path, case: Case) -> None:
    before = time.monotonic()
    result = bench.run(
        bench.spec(case.runtime, models / f"arm-cpu-cnn-float32.{case.suffix}", requirement=case.requirement, threads=2)
    )
    after = time.monotonic()

    latency_ns = columns.unpack_integers(result.latency_ns)
    assert len(latency_ns) == result.count >= 5
    assert min(latency_ns) > 0
    assert result.measure_s >= 0.05
    assert sum(latency_ns) / 1e9 <= result.measure_s
    assert before < result.measure_started < result.measure_started + result.measure_s < after
    assert 0 < result.load_s < after - before
    assert result.first_inference_s > 0
    assert result.warmup_count > 0
    assert result.conversion_s > 0
    assert result.overhead_s > 0
    assert result.peak_rss_bytes > 10 << 20
    assert result.runtime_facts[case.version_fact].startswith(case.version)
    assert "2" in {result.runtime_facts.get("threads"), result.runtime_facts.get("threads.intra_op")}
    assert bench.phases == ["load", "warmup", "measure", "verify"]
    assert len(bench.process_groups) == 1


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_outputs_are_those_of_the_reference(
    bench: Bench, models: Path, case: Case, precision: str, batch: int
) -> None:
    result = bench.run(
        bench.spec(
            case.runtime,
            models / f"digits-{precision}.{case.suffix}",
            golden=models / "digits-golden.npz",
            requirement=case.requirement,
            precision=precision,
            batch=batch,
        )
    )

    assert result.matches is True, result.verification_detail
    assert result.top1_agreement is not None
    assert result.top1_agreement > 0.95
    assert "128 inputs" in result.verification_detail


def test_outputs_of_another_model_are_noticed(bench: Bench, models: Path, case: Case, tmp_path: Path) -> None:
    with np.load(models / "digits-golden.npz") as stored:
        np.savez(tmp_path / "golden.npz", input=stored["input"], output=np.roll(stored["output"], 1, axis=1))

    result = bench.run(
        bench.spec(
            case.runtime,
            models / f"digits-float32.{case.suffix}",
            golden=tmp_path / "golden.npz",
            requirement=case.requirement,
        )
    )

    assert result.matches is False
    assert result.max_abs_error > 0.1
    assert result.top1_agreement == 0


def test_the_digest_of_the_outputs_depends_on_the_seed_alone(bench: Bench, models: Path, case: Case) -> None:
    digests = [
        bench.run(
            bench.spec(
                case.runtime,
                models / f"digits-int8.{case.suffix}",
                requirement=case.requirement,
                precision="int8",
                batch=batch,
                seed=seed,
            )
        ).output_sha256
        for batch, seed in ((1, 1), (4, 1), (1, 2))
    ]

    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64


def test_nothing_is_verified_when_it_is_not_asked_for(bench: Bench, models: Path, case: Case) -> None:
    spec = bench.spec(case.runtime, models / f"digits-float32.{case.suffix}", requirement=case.requirement)
    result = bench.run(spec, verify=False)

    assert (result.matches, result.output_sha256) == (None, "")
    assert "verify" not in bench.phases


@pytest.mark.parametrize("content", ["text", "empty", "truncated"])
def test_a_file_that_is_no_model_fails_the_job(
    bench: Bench, models: Path, case: Case, content: str, tmp_path: Path
) -> None:
    model = tmp_path / f"model.{case.suffix}"
    whole = (models / f"digits-float32.{case.suffix}").read_bytes()
    model.write_bytes(
        {"text": b"oid sha256:4d7a2146\n" * 9, "empty": b"", "truncated": whole[: len(whole) // 3]}[content]
    )

    spec = bench.spec(case.runtime, model, requirement=case.requirement)
    with pytest.raises(AttemptError) as caught:
        bench.run(spec)

    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED
    assert caught.value.kind == attempt_pb2.ERROR_KIND_JOB
    # tflite-runtime checks nothing: it reads on beyond the end and may crash there, which costs one attempt.
    if not (case.version_fact == "tflite-runtime" and content == "truncated"):
        assert re.search("not a whole (ONNX|TFLite) model", caught.value.message)
        assert "Traceback" in caught.value.log_tail


def test_a_misspelt_option_fails_the_job(bench: Bench, models: Path, case: Case) -> None:
    spec = bench.spec(
        case.runtime, models / f"digits-float32.{case.suffix}", requirement=case.requirement, shaps={"x": [1]}
    )
    with pytest.raises(AttemptError, match="no option shaps") as caught:
        bench.run(spec)
    assert caught.value.hint == "did you mean shapes?"


def test_a_golden_file_of_another_shape_is_refused_before_measuring(bench: Bench, models: Path, case: Case) -> None:
    spec = bench.spec(
        case.runtime,
        models / f"digits-float32.{case.suffix}",
        golden=models / "arm-cpu-cnn-golden.npz",
        requirement=case.requirement,
    )
    with pytest.raises(AttemptError, match=r"shape \[88, 88, 1\]"):
        bench.run(spec)
    assert "measure" not in bench.phases


def test_a_cancel_ends_it_in_the_middle(bench: Bench, models: Path, case: Case) -> None:
    bench.on_event = lambda event: bench.cancel.set() if event.phase == "measure" else None
    spec = bench.spec(
        case.runtime, models / f"digits-float32.{case.suffix}", requirement=case.requirement, min_duration_s=50
    )
    with pytest.raises(CancelledError):
        bench.run(spec)

    with pytest.raises(ProcessLookupError):
        os.killpg(bench.process_groups[0], 0)


@pytest.mark.parametrize(
    ("number", "words", "kind"),
    [
        (signal.SIGSEGV, "crashed with SIGSEGV in the phase measure", attempt_pb2.ERROR_KIND_JOB),
        (signal.SIGKILL, "killed from outside", attempt_pb2.ERROR_KIND_INFRASTRUCTURE),
    ],
)
def test_a_death_in_the_middle_says_whose_fault_it_is(
    bench: Bench, models: Path, case: Case, number: signal.Signals, words: str, kind: attempt_pb2.ErrorKind
) -> None:
    def kill(event: RunnerEvent) -> None:
        if event.phase == "measure":
            os.kill(bench.process_groups[0], number)

    bench.on_event = kill
    spec = bench.spec(
        case.runtime, models / f"digits-float32.{case.suffix}", requirement=case.requirement, min_duration_s=50
    )
    with pytest.raises(AttemptError, match=words) as caught:
        bench.run(spec)

    assert caught.value.kind == kind
    if number is signal.SIGSEGV:
        assert "Fatal Python error: Segmentation fault" in caught.value.log_tail


def test_a_limit_on_memory_holds(bench: Bench, models: Path, case: Case) -> None:
    spec = bench.spec(
        case.runtime,
        models / f"arm-cpu-cnn-float32.{case.suffix}",
        requirement=case.requirement,
        batch=64,
        min_duration_s=50,
        memory_bytes=50 << 20,
    )
    with pytest.raises(AttemptError, match="memory") as caught:
        bench.run(spec)
    assert caught.value.outcome == attempt_pb2.OUTCOME_FAILED
    assert "the limit is 50 MiB" in caught.value.message


def test_a_large_allocation_fails_in_words_and_not_by_a_kill(bench: Bench, models: Path, case: Case) -> None:
    spec = bench.spec(
        case.runtime,
        models / f"arm-cpu-cnn-float32.{case.suffix}",
        requirement=case.requirement,
        batch=1_000_000,
        memory_bytes=200 << 20,
    )
    # LiteRT does not say that it was memory, only that it could not prepare such a batch.
    with pytest.raises(AttemptError, match=r"out of memory|cannot run with batch 1000000"):
        bench.run(spec)


def test_jobs_of_several_threads_do_not_disturb_each_other(bench: Bench, models: Path, case: Case) -> None:
    spec = bench.spec(case.runtime, models / f"digits-float32.{case.suffix}", requirement=case.requirement)
    others = [Bench(bench.executor, bench.folder / str(index)) for index in range(2)]
    for other in others:
        other.folder.mkdir()
    counts: list[int] = []
    threads = [threading.Thread(target=lambda other=other: counts.append(other.run(spec).count)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(counts) == 2
