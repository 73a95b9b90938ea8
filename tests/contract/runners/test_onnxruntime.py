"""What is particular to ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import AttemptError

from .conftest import Bench

pytestmark = pytest.mark.network


def test_a_provider_that_the_wheel_lacks_is_unsupported_and_not_the_cpu_in_silence(bench: Bench, models: Path) -> None:
    spec = bench.spec("onnxruntime", models / "digits-float32.onnx", providers=["XnnpackExecutionProvider"])

    with pytest.raises(AttemptError, match="has no XnnpackExecutionProvider") as caught:
        bench.run(spec)
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED
    assert "CPUExecutionProvider" in caught.value.hint


def test_a_fixed_batch_cannot_be_another(bench: Bench, models: Path, tmp_path: Path) -> None:
    """The committed model with its symbolic batch `N` (dim_param) turned into 5 (dim_value, in as many bytes)."""
    fixed = tmp_path / "fixed.onnx"
    fixed.write_bytes((models / "digits-float32.onnx").read_bytes().replace(b"\x12\x01N", b"\x08\x85\x00"))

    with pytest.raises(AttemptError, match="made for batch 5 and cannot run with batch 2") as caught:
        bench.run(bench.spec("onnxruntime", fixed, batch=2))
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED

    assert bench.run(bench.spec("onnxruntime", fixed, batch=5)).count >= 5


def test_an_operator_from_a_later_opset_is_unsupported(bench: Bench, models: Path) -> None:
    """1.10 knows opsets up to 15, the committed models have 17."""
    spec = bench.spec("onnxruntime", models / "digits-float32.onnx", requirement="onnxruntime==1.11.1")
    with pytest.raises(AttemptError) as caught:
        bench.run(spec)
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED


@pytest.mark.parametrize("level", ["disable", "basic", "extended", "all"])
def test_levels_of_graph_optimization_give_the_same_outputs(bench: Bench, models: Path, level: str) -> None:
    result = bench.run(
        bench.spec(
            "onnxruntime",
            models / "digits-float32.onnx",
            golden=models / "digits-golden.npz",
            graph_optimization=level,
            session={"session.intra_op.allow_spinning": "0"},
        )
    )
    assert result.matches is True
