"""Which environment a runner gets."""

from __future__ import annotations

import pytest

from farm_agent.runners.catalog import COMMAND, LITERT, ONNXRUNTIME, load_catalog


def test_the_installed_runners_are_found_by_name() -> None:
    assert dict(load_catalog()) == {"onnxruntime": ONNXRUNTIME, "litert": LITERT, "command": COMMAND}


def test_every_runner_file_is_there() -> None:
    assert all(kind.file is None or kind.file.is_file() for kind in load_catalog().values())


@pytest.mark.parametrize(
    ("requirement", "bounded"),
    [
        ("onnxruntime==1.16.*", True),
        ("onnxruntime==1.9.0", True),
        ("onnxruntime-gpu == 1.18.1", True),
        ("onnxruntime==1.19.2", False),
        ("onnxruntime==1.20.*", False),
        ("onnxruntime", False),
        ("tflite-runtime==2.14.0", True),
        ("ai-edge-litert==2.1.0", False),
    ],
)
def test_wheels_from_before_numpy_2_get_numpy_1(requirement: str, bounded: bool) -> None:
    (wanted,) = ONNXRUNTIME.alternatives(requirement)

    assert wanted[0] == requirement
    assert ("numpy<2" in wanted) is bounded


def test_litert_falls_back_where_it_has_no_wheel() -> None:
    assert [wanted[0] for wanted in LITERT.alternatives("")] == ["ai-edge-litert", "tflite-runtime==2.14.0"]


def test_a_board_without_wheels_is_told_so_before_board_time() -> None:
    assert "armv7l" in ONNXRUNTIME.unavailable_on("armv7l")
    assert LITERT.unavailable_on("armv7l") == ""
    assert COMMAND.unavailable_on("riscv64") == ""
