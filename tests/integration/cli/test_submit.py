"""`farm submit` from the file to the numbers, as a person or a script meets it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.integration.cli.conftest import ROOT, Home

QUICK = {
    "models": {"digits": f"{ROOT}/models/digits-*.{{onnx,tflite}}"},
    "axes": {"runtime": ["onnxruntime", "litert"], "precision": ["float32", "int8"], "batch": [1, 8]},
    "scenario": {"duration": "50ms", "max_duration": "200ms", "max_warmup": "50ms"},
    "launches": 1,
}


@pytest.mark.slow
@pytest.mark.network
def test_real_models_on_real_runtimes(home: Home) -> None:
    done = home.farm("submit", home.sweep("quick", **QUICK))
    assert done.returncode == 0, done.stderr
    heads, *rows = done.stdout.splitlines()
    assert heads.split()[:6] == ["model", "runtime", "precision", "threads", "batch", "board"]
    measured = [row for row in rows if row.startswith("digits ")]
    assert len(measured) == 8
    assert all("valid" in row or "un" in row for row in measured)
    assert "building the environment for onnxruntime" in done.stderr
    assert "[8/8] passed: " in done.stderr
    assert "Ask next:  farm results quick-" in done.stderr

    run_id = home.run_id()
    answer = home.answer("results", run_id)
    assert (answer["run"], answer["name"], answer["state"]) == (run_id, "quick", "finished")
    for row in answer["results"]:
        assert row["outcome"] == "passed"
        assert row["provenance"] == "hardware"
        assert row["runtime_version"][0].isdigit()
        assert row["throughput_per_s"] > 0
        assert row["latency_p50_low_s"] <= row["latency_p50_s"] <= row["latency_p50_high_s"]
        assert row["error"] is None

    # What lies behind each number, in the open: anybody with sqlite3 can read it.
    behind = home.ask(
        "SELECT job.outcome, count(DISTINCT samples.position), sum(samples.count) > 0, count(DISTINCT context.moment), "
        "(SELECT count(*) FROM telemetry WHERE telemetry.job_no = job.job_no), "
        "(SELECT group_concat(kind, ' ') FROM audit WHERE audit.job_no = job.job_no) "
        "FROM job JOIN samples USING (job_no) JOIN context USING (job_no) GROUP BY job_no"
    )
    assert len(behind) == 8
    for outcome, launches, sampled, moments, series, audit in behind:
        assert (outcome, launches, sampled, moments) == ("passed", 1, 1, 2)
        assert series > 0
        assert audit == "queued claimed finished"

    as_csv = list(csv.DictReader(io.StringIO(home.look("results", "latest", "--csv").stdout)))
    assert [row["job"] for row in as_csv] == [row["job"] for row in answer["results"]]
    assert float(as_csv[0]["throughput_per_s"]) == answer["results"][0]["throughput_per_s"]


def test_simulated_boards_are_marked_wherever_they_show(home: Home) -> None:
    sweep = home.sweep("two", **{**QUICK, "axes": {"runtime": ["onnxruntime"], "precision": ["int8"]}})
    boards = ["--board", "simulated:pi4?seed=1", "--board", "simulated:pi5?seed=2"]
    done = home.farm("submit", sweep, *boards, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert {(row["board_id"], row["provenance"]) for row in rows} == {
        ("simulated-pi4-1", "simulated"),
        ("simulated-pi5-2", "simulated"),
    }
    listed = home.answer("boards")
    assert [entry["board"]["provenance"] for entry in listed] == ["simulated", "simulated"]
    assert {entry["state"] for entry in listed} == {"offline"}
    assert "simulated-pi4-1" in home.look("boards").stdout


def test_a_run_is_told_to_a_pipe_line_by_line_and_to_nobody_when_quiet(home: Home) -> None:
    done = home.farm("submit", home.shell_sweep(3))
    assert done.returncode == 0, done.stderr
    run_id = home.run_id()
    lines = done.stderr.splitlines()
    assert lines[0] == f"run {run_id}: 3 jobs"
    assert [line.split(" ")[:2] for line in lines[1:4]] == [
        ["[1/3]", "passed:"],
        ["[2/3]", "passed:"],
        ["[3/3]", "passed:"],
    ]
    assert not any(line != line.rstrip() for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout + done.stderr

    quiet = home.farm("submit", home.shell_sweep(1, name="hush"), "--quiet", "--json")
    assert quiet.returncode == 0
    assert json.loads(quiet.stdout)["name"] == "hush"
    assert "[1/1]" not in quiet.stderr


def test_jobs_that_do_not_pass_make_the_run_fail_and_the_others_count(home: Home) -> None:
    done = home.farm("submit", home.shell_sweep(3, body="test {batch} != 2 || exit 7"))
    assert done.returncode == 8
    assert "1 of 3 jobs did not pass" in done.stderr
    assert "Traceback" not in done.stderr
    outcomes = [row["outcome"] for row in home.answer("results")["results"]]
    assert outcomes == ["passed", "failed", "passed"]
    (failed,) = home.answer("jobs", "--outcome", "failed")
    told = home.look("jobs", "--job", failed["spec"]["job_id"][:10])
    assert told.returncode == 0
    assert "exit" in told.stdout
    assert "history" in told.stdout
    one = home.answer("jobs", "--job", failed["spec"]["job_id"])
    assert one["waits_for"] is None
    assert [entry["kind"] for entry in one["audit"]] == ["queued", "claimed", "finished"]
    assert [attempt["outcome"] for attempt in one["attempts"]] == ["failed"]


def test_a_file_may_have_any_name(home: Home) -> None:
    done = home.farm("submit", home.shell_sweep(1, name="Größe & Größer (2) テスト"), "--json")
    assert done.returncode == 0, done.stderr
    run_id = json.loads(done.stdout)["run"]
    assert run_id.replace("-", "").isalnum()
    assert run_id.isascii()
    assert home.look("results", run_id[:8]).returncode == 0


def test_a_dry_run_shows_the_matrix_and_runs_nothing(home: Home) -> None:
    done = home.farm("submit", home.shell_sweep(3), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "3 jobs of 3 can run" in done.stdout
    assert home.executions().total() == 0
    assert home.answer("runs") == []
