"""From a sweep, files and boards to jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.errors import NoBoardError, SweepError
from farm.model.attempt import Outcome
from farm.model.board import Board, BoardFacts, Provenance, RuntimeOffer
from farm.model.job import ArtifactRef, JobState
from farm.sweeps.expand import Expansion, ModelFile, expand
from farm.sweeps.plan import make_plan
from farm.sweeps.schema import Sweep

ORT, LITERT, COMMAND = (
    RuntimeOffer("onnxruntime", ("onnx",)),
    RuntimeOffer("litert", ("tflite",)),
    RuntimeOffer("command"),
)
BOTH = RuntimeOffer("openvino", ("onnx", "tflite"))


def board(board_id: str, board_type: str = "linux", **more: Any) -> Board:
    more.setdefault("runtimes", (ORT, LITERT, COMMAND))
    memory = more.pop("memory_bytes", 2**30)
    return Board(board_id, board_type, f"name-{board_id}", facts=BoardFacts(memory_bytes=memory), **more)


def file(model: str, kind: str, precision: str = "float32", size: int = 1000) -> ModelFile:
    digest = hashlib.sha256(f"{model}{kind}{precision}".encode()).hexdigest()
    return ModelFile(model, kind, precision, ArtifactRef(digest, size, f"{model}-{precision}.{kind}"))


ALL = [file("cnn", kind, precision) for kind in ("onnx", "tflite") for precision in ("float32", "int8")]
HERE = [board("b1"), board("b2")]


def expanded(
    axes: dict[str, Any] | None = None,
    *,
    boards: Sequence[Board] = HERE,
    files: Sequence[ModelFile] = ALL,
    run_id: str = "run-1",
    **keys: Any,
) -> Expansion:
    names = {found.model for found in files}
    sweep = Sweep.model_validate({"name": "s", "models": dict.fromkeys(names, "x.onnx"), "axes": axes or {}, **keys})
    return expand(sweep, run_id=run_id, files=files, boards=boards)


def rows(expansion: Expansion) -> list[str]:
    return [
        f"{','.join(job.board_ids)} {job.spec.config.runtime} {job.spec.model.format if job.spec.model else '-'} "
        f"{job.spec.config.precision} {job.outcome.value if job.outcome else 'queued'}"
        for job in expansion.jobs
    ]


def test_each_board_gets_a_job_for_each_point_with_the_file_that_fits() -> None:
    assert rows(expanded({"runtime": ["onnxruntime", "litert"], "precision": ["int8"]})) == [
        "b1 onnxruntime onnx int8 queued",
        "b2 onnxruntime onnx int8 queued",
        "b1 litert tflite int8 queued",
        "b2 litert tflite int8 queued",
    ]


def test_each_type_is_one_job_that_any_of_its_boards_may_take() -> None:
    boards = [board("p2", "pi"), board("p1", "pi"), board("l1")]
    assert rows(_with_each("type", boards)) == ["l1 litert tflite int8 queued", "p1,p2 litert tflite int8 queued"]


def _with_each(each: str, boards: Sequence[Board], **keys: Any) -> Expansion:
    sweep = Sweep.model_validate(
        {
            "name": "s",
            "models": {"cnn": "x.onnx"},
            "boards": {"each": each},
            "axes": {"runtime": "litert", "precision": "int8"},
            **keys,
        }
    )
    return expand(sweep, run_id="r", files=ALL, boards=boards)


def test_hardware_and_simulation_of_one_type_are_two_jobs() -> None:
    boards = [board("p1", "pi"), board("s1", "pi", provenance=Provenance.SIMULATED)]
    assert [job.board_ids for job in _with_each("type", boards).jobs] == [("p1",), ("s1",)]


def test_any_is_one_job_and_simulated_boards_are_only_asked_when_no_hardware_can() -> None:
    simulated = board("s1", "pi", provenance=Provenance.SIMULATED)
    assert [job.board_ids for job in _with_each("any", [board("b"), simulated, board("a")]).jobs] == [("a", "b")]
    cannot = board("b", runtimes=(ORT,))
    assert [job.board_ids for job in _with_each("any", [cannot, simulated]).jobs] == [("s1",)]


@pytest.mark.parametrize(
    ("axes", "change", "reason"),
    [
        (
            {"runtime": "tensorrt"},
            {},
            "`name-b` (linux) has no runtime `tensorrt` (it offers onnxruntime, litert, command)",
        ),
        ({"runtime": "openvino"}, {"runtimes": ()}, "(it offers none)"),
        (
            {"runtime": "litert"},
            {"runtimes": (RuntimeOffer("litert", ("tflite",), "no wheel for armv6l"),)},
            "`name-b` (linux) cannot run `litert`: no wheel for armv6l",
        ),
        (
            {"runtime": "onnxruntime", "precision": "float16"},
            {},
            "there is no float16 file in onnx, only float32, int8",
        ),
        (
            {"runtime": "ncnn"},
            {"runtimes": (RuntimeOffer("ncnn", ("ncnn",)),)},
            "model `cnn`: `ncnn` takes ncnn, and there is only onnx, tflite",
        ),
        ({"runtime": "litert", "knobs": {"governer": "x"}}, {"knobs": ("governor",)}, "did you mean `governor`?"),
        ({"runtime": "litert", "fan": "on"}, {}, "has no knob `fan` (it has none)"),
    ],
)
def test_a_job_that_no_board_can_run_is_finished_as_unsupported_with_the_reason(
    axes: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    (job, *_) = expanded({"precision": "float32", **axes}, boards=[board("b", **change)]).jobs
    assert (job.state, job.outcome) == (JobState.FINISHED, Outcome.UNSUPPORTED)
    assert reason in job.error
    assert job.spec.model is not None
    assert job.spec.model.artifact.sha256


def test_memory_that_a_board_does_not_have_is_found_before_board_time() -> None:
    axes = {"runtime": "onnxruntime", "precision": "int8"}
    small = board("b", memory_bytes=512 * 2**20)
    (limited,) = expanded(axes, boards=[small], limits={"memory": "700MiB"}).jobs
    assert "has 512 MiB of memory, and the job may take 700 MiB" in limited.error
    (large,) = expanded(axes, boards=[small], files=[file("cnn", "onnx", "int8", 2**30)]).jobs
    assert "the file is 1 GiB, and `name-b` (linux) has 512 MiB" in large.error
    (unknown,) = expanded(axes, boards=[board("b", memory_bytes=0)], limits={"memory": "700MiB"}).jobs
    assert unknown.outcome is None, "what a board does not know of itself is no reason against it"


def test_the_stock_value_of_a_knob_sets_nothing_and_every_board_can_run_it() -> None:
    can, cannot = expanded(
        {"runtime": "litert", "precision": "int8", "clock": ["stock", {"arm_freq": 2000}]}, boards=[board("b")]
    ).jobs
    assert (can.outcome, can.spec.config.knobs) == (None, {})
    assert (cannot.outcome, cannot.spec.config.knobs) == (Outcome.UNSUPPORTED, {"clock": '{"arm_freq":2000}'})


def test_without_axes_a_model_runs_on_the_runtimes_of_its_files_in_their_precisions() -> None:
    assert rows(expanded(boards=[board("b")])) == [
        *("b onnxruntime onnx float32 queued", "b onnxruntime onnx int8 queued"),
        *("b litert tflite float32 queued", "b litert tflite int8 queued"),
    ]


def test_of_two_formats_a_runtime_takes_the_one_that_it_names_first() -> None:
    (job,) = expanded({"runtime": "openvino", "precision": "int8"}, boards=[board("b", runtimes=(BOTH,))]).jobs
    assert job.spec.model is not None
    assert job.spec.model.format == "onnx"


def test_boards_that_take_different_files_are_not_one_job() -> None:
    only_tflite = RuntimeOffer("openvino", ("tflite",))
    boards = [board("a", runtimes=(BOTH,)), board("b", runtimes=(only_tflite,)), board("c", runtimes=(only_tflite,))]
    (job,) = _with_each("any", boards, axes={"runtime": "openvino", "precision": "int8"}).jobs
    assert job.spec.model is not None
    assert (job.spec.model.format, job.board_ids) == ("tflite", ("b", "c"))


def test_an_exclude_may_leave_out_boards() -> None:
    boards = [board("b1", memory_bytes=2**29), board("b2", memory_bytes=2**32)]
    axes = {"runtime": "litert", "precision": "int8", "batch": [1, 64]}
    expansion = expanded(axes, boards=boards, exclude={"board": "ram<1GiB", "batch": ">8"})
    assert [(job.board_ids, job.spec.config.batch) for job in expansion.jobs] == [
        (("b1",), 1),
        (("b2",), 1),
        (("b2",), 64),
    ]


def test_what_the_sweep_says_of_the_attempt_is_in_the_job() -> None:
    (job,) = expanded(
        {
            "runtime": {"command": ["./bench", "{model}"]},
            "precision": "int8",
            "threads": 2,
            "batch": 8,
            "options": {"level": 3},
        },
        boards=[board("b")],
        scenario={"kind": "offline", "duration": "2s", "converge": {"latency_p50": "1%"}},
        launches=4,
        cooldown="3s",
        gate="55C",
        limits={"attempt": "5min", "memory": "1MiB"},
        priority=7,
    ).jobs
    spec = job.spec
    assert (spec.config.runtime, spec.config.threads, spec.config.batch) == ("command", 2, 8)
    assert spec.config.options == {"level": "3", "command": '["./bench","{model}"]'}
    assert (spec.scenario.kind.value, spec.scenario.min_duration_s, spec.scenario.converge) == (
        "offline",
        2.0,
        {"latency_p50": 0.01},
    )
    assert (spec.launches, spec.cooldown_s, spec.gate.start_below_c) == (4, 3.0, 55.0)
    assert (spec.limits.attempt_s, spec.limits.memory_bytes, job.priority) == (300.0, 2**20, 7)
    assert job.estimate_s > 4 * 2.0 + 3 * 3.0


def test_a_command_needs_no_model() -> None:
    sweep = Sweep.model_validate({"name": "s", "axes": {"runtime": {"command": "./bench"}}})
    (job,) = expand(sweep, run_id="r", files=[], boards=[board("b")]).jobs
    assert job.spec.model is None
    assert job.outcome is None


def test_repeats_are_jobs_of_their_own_and_come_round_after_round() -> None:
    expansion = expanded({"runtime": ["onnxruntime", "litert"], "precision": "int8"}, boards=[board("b")], repeats=2)
    assert [(job.spec.repeat, job.spec.config.runtime) for job in expansion.jobs] == [
        *((0, "onnxruntime"), (0, "litert"), (1, "onnxruntime"), (1, "litert"))
    ]
    assert len({job.job_id for job in expansion.jobs}) == 4


def test_no_board_that_matches_says_which_there_are_and_why_not() -> None:
    boards = [board("b1"), board("s1", "pi", provenance=Provenance.SIMULATED)]
    with pytest.raises(NoBoardError) as caught:
        _selecting("type=pi,provenance=hardware", boards)
    assert "no board matches `type=pi,provenance=hardware`" in caught.value.message
    assert "name-b1 (linux, hardware): `type=pi`: its type is `linux`" in caught.value.message
    assert "name-s1 (pi, simulated): `provenance=hardware`: its provenance is `simulated`" in caught.value.message


def _selecting(select: str, boards: Sequence[Board]) -> Expansion:
    sweep = Sweep.model_validate({"name": "s", "models": {"cnn": "x.onnx"}, "boards": select})
    return expand(sweep, run_id="r", files=ALL, boards=boards)


def test_no_board_at_all_says_so() -> None:
    with pytest.raises(NoBoardError, match="no board is attached"):
        _selecting("", [])


def test_a_model_without_files_and_a_file_of_two_models_are_refused() -> None:
    sweep = Sweep.model_validate({"name": "s", "models": {"cnn": "x.onnx", "dnn": "y.onnx"}})
    with pytest.raises(SweepError, match="no file of model `dnn` came with the sweep"):
        expand(sweep, run_id="r", files=ALL, boards=HERE)
    twin = ModelFile("dnn", "onnx", "float32", ALL[0].artifact)
    with pytest.raises(SweepError, match="models `cnn` and `dnn` are the same file"):
        expand(sweep, run_id="r", files=[*ALL, twin], boards=HERE)


def test_another_run_has_other_job_ids_and_the_same_run_the_same() -> None:
    first, again, other = (expanded(run_id=run_id) for run_id in ("one", "one", "two"))
    assert first == again
    assert not {job.job_id for job in first.jobs} & {job.job_id for job in other.jobs}


BOARDS = st.lists(
    st.builds(
        board,
        st.sampled_from(["b1", "b2", "b3", "b4", "b5"]),
        st.sampled_from(["pi", "linux"]),
        runtimes=st.sets(st.sampled_from([ORT, LITERT, BOTH])).map(lambda offers: tuple(sorted(offers, key=str))),
        knobs=st.sampled_from([(), ("clock",)]),
        provenance=st.sampled_from([Provenance.HARDWARE, Provenance.SIMULATED]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda found: found.board_id,
)


@settings(max_examples=60)
@given(
    BOARDS,
    st.randoms(use_true_random=False),
    st.sampled_from(["board", "type", "any"]),
    st.lists(
        st.sampled_from(
            [{"threads": 2}, {"runtime": "litert"}, {"clock": "stock"}, {"board": "type=pi", "threads": 1}]
        ),
        max_size=2,
    ),
)
def test_ids_are_unique_every_job_can_run_where_it_may_and_the_order_of_boards_is_irrelevant(
    boards: list[Board], random: Any, each: str, excludes: list[dict[str, Any]]
) -> None:
    sweep = Sweep.model_validate(
        {
            "name": "s",
            "models": {"cnn": "x.onnx"},
            "boards": {"each": each},
            "axes": {
                "runtime": ["onnxruntime", "litert", "openvino"],
                "precision": ["int8", "float16"],
                "threads": [1, 2],
                "clock": ["stock", 3],
            },
            "exclude": excludes,
        }
    )
    expansion = expand(sweep, run_id="r", files=ALL, boards=boards)
    shuffled = list(boards)
    random.shuffle(shuffled)
    assert expand(sweep, run_id="r", files=ALL, boards=shuffled) == expansion
    jobs = expansion.jobs
    assert len({job.job_id for job in jobs}) == len(jobs)
    by_id = {found.board_id: found for found in boards}
    for job in jobs:
        assert job.board_ids, "also one that cannot run names the boards that cannot"
        assert (job.outcome is Outcome.UNSUPPORTED) == bool(job.error)
        if job.outcome is not None:
            continue
        assert job.spec.model is not None
        assert job.spec.model.precision == job.spec.config.precision == "int8"
        for board_id in job.board_ids:
            offer = next(offer for offer in by_id[board_id].runtimes if offer.runtime == job.spec.config.runtime)
            assert job.spec.model.format in offer.formats
            assert set(job.spec.config.knobs) <= set(by_id[board_id].knobs)
            for rule in sweep.exclude:
                if rule.board is not None:
                    assert not (job.spec.config.threads == 1 and by_id[board_id].board_type == "pi")
    plan = make_plan(sweep, expansion)
    assert sum(found.jobs for found in plan.boards) == len(expansion.runnable)
    assert plan.estimate_s <= plan.board_s + 1e-9
