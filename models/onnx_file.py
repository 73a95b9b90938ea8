"""A network as ONNX: float32, and int8 as QDQ with one scale per channel (ONNX Runtime's static quantisation).

Opset 17 and IR version 8, so that ONNX Runtime 1.13 and newer read the files. Input and output are float32 in both.
The input is NHWC like that of the TFLite files, with a transpose at the front, so that one golden set serves both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from convnet import Convolution, MaxPool, Network

__all__ = ["OPSET", "quantise_onnx", "write_onnx"]

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "input", "probabilities"


def write_onnx(network: Network, path: Path) -> None:
    """Write and check the float32 file. The batch is the symbolic dimension `N`."""
    nodes = [helper.make_node("Transpose", [INPUT], ["nchw"], "to_nchw", perm=[0, 3, 1, 2])]
    constants: list[onnx.TensorProto] = []
    last = "nchw"
    flat = False
    for index, layer in enumerate(network.layers):
        name = f"{type(layer).__name__.lower()}_{index}"
        if isinstance(layer, MaxPool):
            window = [layer.size, layer.size]
            nodes.append(helper.make_node("MaxPool", [last], [name], name, kernel_shape=window, strides=window))
            last = name
            continue
        if isinstance(layer, Convolution):
            height, width = layer.weights.shape[:2]
            sides = [height // 2, width // 2] * 2 if layer.padded else [0] * 4
            inputs = [last, f"{name}_weights", f"{name}_bias"]
            nodes.append(
                helper.make_node("Conv", inputs, [f"{name}_sum"], name, kernel_shape=[height, width], pads=sides)
            )
            nodes.append(helper.make_node("Relu", [f"{name}_sum"], [name], f"{name}_relu"))
            weights = layer.weights.transpose(3, 2, 0, 1)
        else:
            if not flat:
                nodes.append(helper.make_node("Transpose", [last], ["nhwc"], "to_nhwc", perm=[0, 2, 3, 1]))
                nodes.append(helper.make_node("Flatten", ["nhwc"], ["flat"], "flatten"))
                last, flat = "flat", True
            nodes.append(helper.make_node("Gemm", [last, f"{name}_weights", f"{name}_bias"], [name], name))
            weights = layer.weights
        constants.append(numpy_helper.from_array(np.ascontiguousarray(weights), f"{name}_weights"))
        constants.append(numpy_helper.from_array(layer.bias, f"{name}_bias"))
        last = name
    nodes.append(helper.make_node("Softmax", [last], [OUTPUT], "softmax", axis=1))

    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *network.input_shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", *network.shapes()[-1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "edge-device-farm"
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.float32]) -> None:
        self.batches: Iterator[NDArray[np.float32]] = iter(np.array_split(images, max(1, len(images) // 16)))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def quantise_onnx(source: Path, path: Path, calibration: NDArray[np.float32]) -> None:
    """Write the int8 file; the ranges of the activations are those that `calibration` [n, h, w, c] shows."""
    quantize_static(
        source,
        path,
        _Images(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )
    model = onnx.load(path)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
