"""What stands on a person's terminal while a run goes on, and after it."""

from __future__ import annotations

import time

import pytest

from tests.integration.cli.conftest import ROOT, Home


def _sweep(home: Home, batches: int = 2) -> str:
    return home.sweep(
        "picture",
        models={"digits": f"{ROOT}/models/digits-*.onnx"},
        axes={
            "runtime": ["onnxruntime"],
            "precision": ["float32", "int8"],
            "threads": [1, 2],
            "batch": list(range(1, batches + 1)),
        },
        scenario={"duration": "1s", "max_warmup": "0s"},
        launches=1,
    )


# Virtual seconds pass four times as fast as real ones: slow enough to be looked at.
BOARD = "simulated:pi4?seed=3&speed=4"


def test_the_live_matrix_and_then_the_table(home: Home) -> None:
    terminal = home.on_terminal("submit", _sweep(home), "--board", BOARD, columns=120)
    preparing = terminal.until("environment")
    assert "simulated environment for onnxruntime" in preparing
    picture = terminal.until("measure")
    head = next(line for line in picture.splitlines() if "━" in line)
    assert head.startswith("picture ")
    assert " of 8 jobs " in head
    assert "about " in head
    assert " left" in head
    lines = [line.split() for line in picture.splitlines()]
    assert ["model", "precision", "1", "x", "1", "1", "x", "2", "2", "x", "1", "2", "x", "2"] in lines
    assert any(line[:2] == ["digits", "float32"] for line in lines)
    board = next(line for line in picture.splitlines() if "measure" in line)
    assert board.startswith("simulated-pi4-3 ")
    assert "▸" in picture
    assert terminal.finish() == 0
    # In place of the picture: the table.
    rest = terminal.everything
    assert "━" not in rest
    assert rest.index("model   runtime") < rest.index("8 passed") < rest.index("Ask next:")
    table = [line for line in rest.splitlines() if line.startswith("digits")]
    assert len(table) == 8
    assert all("MiB" in line and line.endswith("valid") for line in table)


@pytest.mark.parametrize("columns", [80, 60])
def test_a_narrow_terminal_keeps_what_matters(home: Home, columns: int) -> None:
    terminal = home.on_terminal("submit", _sweep(home, 1), "--board", "simulated:pi4", columns=columns)
    assert terminal.finish() == 0
    lines = terminal.everything.splitlines()
    heads = next(line for line in lines if line.startswith("model"))
    assert {"prec.", "thr.", "inputs/s", "p50", "verdict"} <= set(heads.split())
    assert "runtime onnxruntime" in terminal.everything  # the same everywhere, if not a column
    rows = [line for line in lines if line.startswith("digits")]
    assert [(row.split()[0], row.split()[-1]) for row in rows] == [("digits", "valid")] * 4
    assert "no room for" in terminal.everything
    assert not any("━" in line or "…" in line for line in rows)
    picture = next(frame for frame in reversed(terminal.frames) if "━" in frame)
    assert "digits" in picture


@pytest.mark.slow
def test_a_sweep_of_two_thousand_jobs_is_looked_at_through_a_window(home: Home) -> None:
    sweep = home.sweep(
        "large",
        models={"digits": {"file": f"{ROOT}/models/digits-float32.onnx"}},
        axes={"batch": list(range(1, 41)), "clock": [{"arm_freq": 1000 + 20 * step} for step in range(50)]},
        scenario={"duration": "1ms", "min_count": 1},
        launches=1,
    )
    terminal = home.on_terminal("submit", sweep, "--board", "simulated:pi4", columns=100, rows=24)
    picture = terminal.until("rows below")
    assert " of 2000 jobs " in picture
    # Forty columns do not fit: each row says how far it is.
    assert "0 of 40" in picture
    lines = terminal.until("rows above").splitlines()
    assert len(lines) <= 24
    assert any(line.startswith("large ") for line in lines)
    began = time.monotonic()
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert time.monotonic() - began < 20.0
    assert "jobs are finished and kept." in terminal.everything
