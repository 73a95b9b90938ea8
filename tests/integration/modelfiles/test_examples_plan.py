"""Every example, from its file to its plan, on a shelf of boards like the ones it is written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.errors import NoBoardError
from farm.model.board import Board, BoardFacts, Provenance, RuntimeOffer
from farm.modelfiles.resolve import resolve
from farm.sweeps.expand import expand
from farm.sweeps.load import load
from farm.sweeps.plan import Plan, make_plan

EXAMPLES = Path(__file__).parents[3] / "examples"
ORT, LITERT = RuntimeOffer("onnxruntime", ("onnx",)), RuntimeOffer("litert", ("tflite",))
GIB = 2**30

HERE = Board(
    "here", "linux-x86_64", "here", facts=BoardFacts(cpu_count=2, memory_bytes=8 * GIB), runtimes=(ORT, LITERT)
)
SIMULATED = Board(
    "sim",
    "simulated-pi4",
    "sim",
    Provenance.SIMULATED,
    BoardFacts(memory_bytes=4 * GIB),
    runtimes=(ORT, LITERT),
    knobs=("clock", "fan"),
)
CORAL = Board("coral", "coral-dev", "coral", facts=BoardFacts(memory_bytes=GIB), runtimes=(LITERT,), knobs=("edgetpu",))
JETSON = Board(
    "jetson",
    "jetson-nano",
    "jetson",
    facts=BoardFacts(memory_bytes=4 * GIB),
    runtimes=(ORT, RuntimeOffer("tensorrt", ("onnx",))),
    knobs=("power_mode", "jetson_clocks", "fan"),
)
NCS = Board("ncs", "ncs-host", "ncs", runtimes=(RuntimeOffer("openvino", ("onnx", "openvino")),), knobs=("usb",))
CHIP = Board("m4", "cortex-m4", "m4", Provenance.EMULATED, runtimes=(RuntimeOffer("tflite-micro", ("tflite",)),))


def plan_of(name: str, *boards: Board, tmp: Path) -> Plan:
    path = EXAMPLES / f"{name}.yaml"
    sweep = load(path.read_text(encoding="utf-8"), path.name)
    files = [found.file for found in resolve(sweep, path.parent, tmp)]
    assert all(found.golden is not None for found in files), "every example checks its outputs"
    return make_plan(sweep, expand(sweep, run_id="plan", files=files, boards=boards))


@pytest.mark.parametrize(
    ("name", "boards", "jobs", "unsupported"),
    [
        ("quickstart", [HERE], 32, 0),
        ("threads-x-batch", [HERE], 2 * 2 * (2 * 4 + 3) + 1, 0),
        ("runtime-versions", [HERE], 2 * 2 * 2 * 2, 0),
        ("arm-cpu-cnn", [HERE], 18 * (2 + 3 + 2 + 2), 18 * 7),
        ("pi-overclock", [HERE, SIMULATED], (2 * 2 + 1) * 4, 0),
        ("soak", [HERE], 2, 1),
        ("soak", [SIMULATED], 2, 0),
        ("coral", [HERE], 3, 2),
        ("coral", [CORAL], 3, 0),
        ("jetson-power-modes", [HERE], 18, 18),
        ("jetson-power-modes", [JETSON], 18, 0),
        ("ncs-usb", [HERE], 8, 8),
        ("ncs-usb", [NCS], 8, 0),
        ("mcu", [HERE], 6, 6),
        ("mcu", [CHIP], 6, 0),
    ],
)
def test_an_example_plans_what_it_says(
    name: str, boards: list[Board], jobs: int, unsupported: int, tmp_path: Path
) -> None:
    plan = plan_of(name, *boards, tmp=tmp_path)
    assert len(plan.jobs) == jobs
    cannot = [job for job in plan.jobs if job.unsupported]
    assert len(cannot) == unsupported
    assert all("`here` (linux-x86_64) has no" in job.unsupported for job in cannot)


def test_the_overclock_asks_for_a_board_that_can_and_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(NoBoardError, match="its type is `linux-x86_64`"):
        plan_of("pi-overclock", HERE, tmp=tmp_path)


def test_the_quickstart_is_a_matter_of_two_minutes(tmp_path: Path) -> None:
    assert 60 <= plan_of("quickstart", HERE, tmp=tmp_path).estimate_s <= 130
