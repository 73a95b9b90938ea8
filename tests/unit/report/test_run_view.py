"""Updates from the coordinator become a run that can be looked at."""

from __future__ import annotations

import io

from rich.console import Console

from farm.model.attempt import Outcome, Phase
from farm.model.board import Board, BoardHealth, BoardIntent, BoardState, Provenance
from farm.model.job import ArtifactRef, Config, JobSpec, JobState, Model
from farm.model.live import BoardStatus, JobChange, WatchUpdate
from farm.model.result import Interval, Summary
from farm.report.live import job_line, render
from farm.report.run_view import RunView


def spec(job_id: str, *, runtime: str = "onnxruntime", threads: int = 1, batch: int = 1) -> JobSpec:
    model = Model("digits", "onnx", "float32", ArtifactRef("0" * 64, 10))
    return JobSpec(job_id, "run", model, Config(runtime, threads=threads, batch=batch))


def snapshot(*specs: JobSpec) -> WatchUpdate:
    changes = tuple(JobChange(one.job_id, JobState.QUEUED, spec=one) for one in specs)
    board = Board("b1", "simulated-pi4", "shelf-1", provenance=Provenance.SIMULATED)
    status = BoardStatus(board, BoardState.IDLE, BoardHealth.GOOD, BoardIntent.ENABLED)
    return WatchUpdate(changes, (status,), snapshot=True, remaining_s=90.0)


def summary(throughput_per_s: float) -> Summary:
    return Summary(
        count=100,
        batch=1,
        throughput_per_s=throughput_per_s,
        latency_min_s=0.001,
        latency_mean_s=0.001,
        latency_p50_s=0.001,
        latency_p50_interval=Interval(0.001, 0.001),
        latency_p90_s=0.001,
        latency_p99_s=None,
        load_s=0.1,
        first_inference_s=0.01,
        peak_rss_bytes=1,
        temperature_start_c=None,
        temperature_max_c=None,
        clock_min_hz=None,
        clock_max_hz=None,
        findings=(),
    )


def drawn(view: RunView, summaries: dict[str, Summary]) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(render(view, summaries, "quickstart"))
    return capture.get()


def test_a_change_without_a_spec_keeps_the_one_of_the_snapshot() -> None:
    view = RunView("run")
    view.apply(snapshot(spec("a")))
    view.apply(WatchUpdate((JobChange("a", JobState.LEASED, board_id="b1", phase=Phase.MEASURE, fraction=0.4),)))
    assert view.jobs["a"].spec == spec("a")
    assert view.progress == 0.4


def test_a_finished_job_is_told_once() -> None:
    view = RunView("run")
    view.apply(snapshot(spec("a")))
    ended = WatchUpdate((JobChange("a", JobState.FINISHED, outcome=Outcome.PASSED),))
    assert [change.job_id for change in view.apply(ended)] == ["a"]
    assert view.apply(ended) == []


def test_the_matrix_has_threads_and_batch_across_in_numeric_order() -> None:
    view = RunView("run")
    view.apply(snapshot(*(spec(f"{t}.{b}", threads=t, batch=b) for t in (2, 1) for b in (64, 8))))
    matrix = view.matrix()
    assert matrix.column_heads == ("threads", "batch")
    assert matrix.columns == (("1", "8"), ("1", "64"), ("2", "8"), ("2", "64"))
    assert matrix.rows == (("digits",),)


def test_an_axis_that_does_not_vary_takes_no_room() -> None:
    view = RunView("run")
    view.apply(snapshot(spec("a"), spec("b", runtime="litert")))
    assert view.matrix().row_heads == ("model", "runtime")
    assert view.matrix().column_heads == ("batch",)


def test_the_picture_shows_numbers_progress_and_what_a_board_does() -> None:
    view = RunView("run")
    view.apply(snapshot(spec("a"), spec("b", batch=8), spec("c", batch=64)))
    view.apply(
        WatchUpdate(
            (
                JobChange("a", JobState.FINISHED, outcome=Outcome.PASSED),
                JobChange("b", JobState.LEASED, board_id="b1", phase=Phase.WARMUP, fraction=0.25),
                JobChange("c", JobState.FINISHED, outcome=Outcome.UNSUPPORTED, error="fixed batch"),
            ),
            remaining_s=75.0,
        )
    )
    picture = drawn(view, {"a": summary(1234.0)})
    assert "2 of 3 jobs" in picture
    assert "1 230" in picture
    assert "25%" in picture
    assert "n/a" in picture
    assert "about 75 s left" in picture
    assert "shelf-1 (simulated)" in picture
    assert "warmup" in picture


def test_a_line_for_a_pipe_says_what_failed() -> None:
    view = RunView("run")
    view.apply(snapshot(spec("a")))
    change = JobChange("a", JobState.FINISHED, outcome=Outcome.FAILED, board_id="b1", error="segmentation fault\nmore")
    (ended,) = view.apply(WatchUpdate((change,)))
    line = job_line(view, ended, None, 1)
    assert (
        line == "[1/1] failed: digits onnxruntime float32 threads 1 batch 1 on shelf-1 (simulated)  segmentation fault"
    )
