"""What is particular to LiteRT, on models that others trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from devicefarm.v1 import attempt_pb2
from farm_agent.errors import AttemptError

from .conftest import Bench

pytestmark = pytest.mark.network


@pytest.mark.parametrize(
    "file",
    [
        "ad01_int8.tflite",
        "kws_ref_model.tflite",
        "kws_ref_model_float32.tflite",
        "pretrainedResnet_quant.tflite",
        "vww_96_int8.tflite",
    ],
)
def test_the_models_of_mlperf_tiny_run_with_and_without_a_delegate(
    bench: Bench, shared_models: Path, file: str
) -> None:
    delegated = bench.run(bench.spec("litert", shared_models / file, precision="int8", delegate="xnnpack"))
    plain = bench.run(bench.spec("litert", shared_models / file, precision="int8", delegate="none", batch=2))

    assert delegated.runtime_facts["delegate"] == "xnnpack"
    assert int(delegated.runtime_facts["delegate.partitions"]) >= 1
    assert plain.runtime_facts["delegate"] == "none"
    assert plain.runtime_facts["delegate.partitions"] == "0"


def test_a_delegate_that_is_not_there_is_unsupported(bench: Bench, models: Path) -> None:
    spec = bench.spec("litert", models / "digits-int8.tflite", delegate="libno-such-delegate.so.1")
    with pytest.raises(AttemptError, match="libno-such-delegate") as caught:
        bench.run(spec)
    assert caught.value.outcome == attempt_pb2.OUTCOME_UNSUPPORTED
