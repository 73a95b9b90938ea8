"""Runtimes with versions, as a person writes them."""

from __future__ import annotations

import pytest

from farm.sweeps.runtime_value import RuntimeValue


@pytest.mark.parametrize(
    ("written", "runtime", "requirement", "label"),
    [
        ("onnxruntime", "onnxruntime", "", "onnxruntime"),
        ("onnxruntime==1.20.*", "onnxruntime", "onnxruntime==1.20.*", "onnxruntime==1.20.*"),
        (" onnxruntime >= 1.20, <1.22 ", "onnxruntime", "onnxruntime<1.22,>=1.20", "onnxruntime<1.22,>=1.20"),
        ("litert", "litert", "", "litert"),
        ("litert==2.1.*", "litert", "ai-edge-litert==2.1.*", "ai-edge-litert==2.1.*"),
        ("ai-edge-litert", "litert", "", "litert"),
        ("tflite-runtime", "litert", "tflite-runtime", "tflite-runtime"),
        ("tflite_runtime==2.14.0", "litert", "tflite-runtime==2.14.0", "tflite-runtime==2.14.0"),
        ("onnxruntime-gpu", "onnxruntime", "onnxruntime-gpu", "onnxruntime-gpu"),
        ("somebodys-own", "somebodys-own", "", "somebodys-own"),
    ],
)
def test_a_name_with_a_version_is_a_runner_and_a_requirement(
    written: str, runtime: str, requirement: str, label: str
) -> None:
    value = RuntimeValue.model_validate(written)
    assert (value.runtime, value.requirement, value.label) == (runtime, requirement, label)
    assert RuntimeValue.model_validate(value.model_dump()) == value


def test_a_command_is_a_list_of_words_or_a_line() -> None:
    listed = RuntimeValue.model_validate({"command": ["./bench", "--threads", "{threads}", 3]})
    line = RuntimeValue.model_validate({"command": "./bench --threads {threads} 3"})
    assert listed == line
    assert listed.runtime == "command"
    assert listed.command == ("./bench", "--threads", "{threads}", "3")


@pytest.mark.parametrize(
    ("condition", "value", "covers"),
    [
        ("onnxruntime", "onnxruntime==1.20.*", True),
        ("onnxruntime==1.20.*", "onnxruntime==1.20.*", True),
        ("onnxruntime==1.20.*", "onnxruntime", False),
        ("onnxruntime==1.20.*", "onnxruntime==1.21.*", False),
        ("litert", "litert==2.*", True),
        ("litert", "tflite-runtime", False),
        ("tflite-runtime", "tflite-runtime==2.14.0", True),
        ("onnxruntime", "onnxruntime-gpu", False),
    ],
)
def test_in_a_condition_a_runtime_without_a_version_means_every_version(
    condition: str, value: str, covers: bool
) -> None:
    assert RuntimeValue.parse(condition).covers(RuntimeValue.parse(value)) is covers
