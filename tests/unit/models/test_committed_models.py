"""The committed models are what their README says: the files, their size, their outputs on the real runtimes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

MODELS = Path(__file__).parents[3] / "models"
PARAMETERS = {"digits": 6_090, "arm-cpu-cnn": 1_039_744}
FILES = [
    f"{name}-{precision}.{suffix}"
    for name in PARAMETERS
    for precision in ("float32", "int8")
    for suffix in ("onnx", "tflite")
]

Images = NDArray[np.float32]


def golden(file: str) -> dict[str, NDArray[Any]]:
    name = file.removesuffix(".onnx").removesuffix(".tflite").removesuffix("-float32").removesuffix("-int8")
    with np.load(MODELS / f"{name}-golden.npz") as arrays:
        return dict(arrays)


def infer(file: str) -> Callable[[Images], Images]:
    return onnx(MODELS / file) if file.endswith(".onnx") else tflite(MODELS / file)


def onnx(path: Path) -> Callable[[Images], Images]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [source] = session.get_inputs()
    return lambda images: np.asarray(session.run(None, {source.name: images})[0], np.float32)


def tflite(path: Path) -> Callable[[Images], Images]:
    interpreter = Interpreter(model_path=str(path))
    [source], [result] = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images: Images) -> Images:
        interpreter.resize_tensor_input(source["index"], images.shape, strict=True)
        interpreter.allocate_tensors()
        if source["dtype"] == np.int8:
            scale, zero = source["quantization"]
            images = np.clip(np.round(images / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        output = np.asarray(interpreter.get_tensor(result["index"]), np.float32)
        scale, zero = result["quantization"]
        return (output - zero) * np.float32(scale) if result["dtype"] == np.int8 else output

    return run


def onnx_constants(path: Path) -> dict[str, int]:
    """Name to number of values, read with the four fields of onnx.proto that it takes."""
    file = descriptor_pb2.FileDescriptorProto(name="onnx_constants.proto", package="onnx_constants", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    for message, fields in {
        "Model": [("graph", 7, kind.TYPE_MESSAGE, kind.LABEL_OPTIONAL, ".onnx_constants.Graph")],
        "Graph": [("initializer", 5, kind.TYPE_MESSAGE, kind.LABEL_REPEATED, ".onnx_constants.Tensor")],
        "Tensor": [
            ("dims", 1, kind.TYPE_INT64, kind.LABEL_REPEATED, ""),
            ("name", 8, kind.TYPE_STRING, kind.LABEL_OPTIONAL, ""),
        ],
    }.items():
        described = file.message_type.add(name=message)
        for name, number, of, label, type_name in fields:
            described.field.add(name=name, number=number, type=of, label=label, type_name=type_name or None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    model: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx_constants.Model"))()
    model.ParseFromString(path.read_bytes())
    return {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}


def tflite_constants(path: Path) -> dict[str, int]:
    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    return {tensor["name"]: int(np.prod(tensor["shape"])) for tensor in interpreter.get_tensor_details()}


def test_every_file_has_its_digest_and_every_digest_its_file() -> None:
    lines = [line.split() for line in (MODELS / "SHA256SUMS").read_text().splitlines()]
    recorded = {name: digest for digest, name in lines}
    present = sorted(path for path in MODELS.iterdir() if path.suffix in {".onnx", ".tflite", ".npz"})
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in present} == recorded
    assert set(FILES) | {f"{name}-golden.npz" for name in PARAMETERS} == set(recorded)


@pytest.mark.parametrize("file", FILES)
def test_the_parameters_in_the_file_are_counted(file: str) -> None:
    constants = onnx_constants(MODELS / file) if file.endswith(".onnx") else tflite_constants(MODELS / file)
    endings = ("_weights", "_bias", "_weights_quantized", "_bias_quantized")
    counted = sum(size for name, size in constants.items() if name.endswith(endings))
    assert counted == PARAMETERS[file.rsplit("-", 1)[0]]


@pytest.mark.parametrize("file", FILES)
def test_outputs_agree_with_the_reference(file: str) -> None:
    known = golden(file)
    output = infer(file)(known["input"])
    assert output.shape == known["output"].shape
    if "float32" in file:
        np.testing.assert_allclose(output, known["output"], atol=5e-6)
    else:
        np.testing.assert_allclose(output, known["output"], atol=0.1)
        assert np.mean(output.argmax(axis=1) == known["output"].argmax(axis=1)) >= 0.99


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("digits")])
def test_digits_are_read_right(file: str) -> None:
    known = golden(file)
    accuracy = np.mean(infer(file)(known["input"]).argmax(axis=1) == known["label"])
    assert accuracy >= (0.97 if "float32" in file else 0.95)


@pytest.mark.parametrize("file", FILES)
def test_any_batch_gives_the_same_answer(file: str) -> None:
    known, run = golden(file), infer(file)
    images = known["input"][:5]
    whole = run(images)
    single = np.concatenate([run(images[index : index + 1]) for index in range(5)])
    # Other kernels may serve other batches; one step of an int8 output is 1/256.
    np.testing.assert_allclose(single, whole, atol=1e-5 if "float32" in file else 1 / 128)


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_golden_inputs_are_told_apart(name: str) -> None:
    """A runner that answers the same for every input must not pass."""
    known = golden(name)
    assert known["input"].dtype == known["output"].dtype == np.float32
    assert len(set(known["output"].argmax(axis=1))) >= 5
    np.testing.assert_allclose(known["output"].sum(axis=1), 1, rtol=1e-5)
