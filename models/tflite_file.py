"""A network as TFLite: float32, and int8 with one scale per channel (AI Edge Quantizer), without TensorFlow.

The flatbuffer is written with the schema's own classes (tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3),
which the LiteRT wheel ships. The batch is 1 and resizable; input and output of the int8 file are int8.
"""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.calibrator import CalibrationInterpreter, CalibrationMode
from ai_edge_quantizer.utils.qsv_utils import min_max_update
from numpy.typing import NDArray

from convnet import Convolution, MaxPool, Network

__all__ = ["SIGNATURE", "quantise_tflite", "write_tflite"]

SIGNATURE = "serving_default"
INPUT, OUTPUT = "input", "probabilities"
OPERATOR_VERSION = 1


class _Graph:
    """The one subgraph while it grows: tensors, their buffers, operators and the codes these refer to."""

    def __init__(self, name: str) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = name
        self.model.operatorCodes = []
        self.model.buffers = [schema.BufferT()]  # buffer 0 is the empty one, by the schema's own rule
        self.subgraph = schema.SubGraphT()
        self.subgraph.name = "main"
        self.subgraph.tensors = []
        self.subgraph.operators = []
        self.model.subgraphs = [self.subgraph]

    def tensor(self, name: str, shape: tuple[int, ...]) -> int:
        """An activation; `shape` is without the batch."""
        tensor = schema.TensorT()
        tensor.name = name
        tensor.type = schema.TensorType.FLOAT32
        tensor.shape = [1, *shape]
        tensor.shapeSignature = [-1, *shape]
        tensor.buffer = 0
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def constant(self, name: str, values: NDArray[np.float32] | NDArray[np.int32]) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor = schema.TensorT()
        tensor.name = name
        tensor.type = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
        tensor.shape = list(values.shape)
        tensor.buffer = len(self.model.buffers) - 1
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def operator(self, builtin: int, inputs: list[int], output: int, kind: int, options: object) -> None:
        codes = [code.builtinCode for code in self.model.operatorCodes]
        if builtin not in codes:
            code = schema.OperatorCodeT()
            code.builtinCode = builtin
            code.deprecatedBuiltinCode = min(builtin, 127)  # what readers older than 2020 look at
            code.version = OPERATOR_VERSION
            self.model.operatorCodes.append(code)
            codes.append(builtin)
        operator = schema.OperatorT()
        operator.opcodeIndex = codes.index(builtin)
        operator.inputs = inputs
        operator.outputs = [output]
        operator.builtinOptionsType = kind
        operator.builtinOptions = options
        self.subgraph.operators.append(operator)

    def finish(self, source: int, result: int) -> bytes:
        self.subgraph.inputs = [source]
        self.subgraph.outputs = [result]
        signature = schema.SignatureDefT()
        signature.signatureKey = SIGNATURE
        signature.subgraphIndex = 0
        signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
        signature.inputs[0].name, signature.inputs[0].tensorIndex = INPUT, source
        signature.outputs[0].name, signature.outputs[0].tensorIndex = OUTPUT, result
        self.model.signatureDefs = [signature]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def write_tflite(network: Network, path: Path) -> None:
    """Write the float32 file."""
    graph = _Graph(network.name)
    operator, options = schema.BuiltinOperator, schema.BuiltinOptions
    source = last = graph.tensor(INPUT, network.input_shape)
    flat = False
    for index, (layer, shape) in enumerate(zip(network.layers, network.shapes())):
        name = f"{type(layer).__name__.lower()}_{index}"
        if isinstance(layer, Convolution):
            convolution = schema.Conv2DOptionsT()
            convolution.padding = schema.Padding.SAME if layer.padded else schema.Padding.VALID
            convolution.strideH = convolution.strideW = convolution.dilationHFactor = convolution.dilationWFactor = 1
            convolution.fusedActivationFunction = schema.ActivationFunctionType.RELU
            weights = graph.constant(f"{name}_weights", layer.weights.transpose(3, 0, 1, 2))
            bias = graph.constant(f"{name}_bias", layer.bias)
            output = graph.tensor(name, shape)
            graph.operator(operator.CONV_2D, [last, weights, bias], output, options.Conv2DOptions, convolution)
        elif isinstance(layer, MaxPool):
            pool = schema.Pool2DOptionsT()
            pool.padding = schema.Padding.VALID
            pool.strideH = pool.strideW = pool.filterHeight = pool.filterWidth = layer.size
            output = graph.tensor(name, shape)
            graph.operator(operator.MAX_POOL_2D, [last], output, options.Pool2DOptions, pool)
        else:
            if not flat:
                reshape = schema.ReshapeOptionsT()
                reshape.newShape = [-1, layer.weights.shape[0]]
                target = graph.constant("flat_shape", np.array(reshape.newShape, np.int32))
                output = graph.tensor("flat", layer.weights.shape[:1])
                graph.operator(operator.RESHAPE, [last, target], output, options.ReshapeOptions, reshape)
                last, flat = output, True
            weights = graph.constant(f"{name}_weights", layer.weights.T)
            bias = graph.constant(f"{name}_bias", layer.bias)
            output = graph.tensor(name, shape)
            dense = schema.FullyConnectedOptionsT()
            graph.operator(
                operator.FULLY_CONNECTED, [last, weights, bias], output, options.FullyConnectedOptions, dense
            )
        last = output
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    result = graph.tensor(OUTPUT, network.shapes()[-1])
    graph.operator(operator.SOFTMAX, [last], result, options.SoftmaxOptions, softmax)
    path.write_bytes(graph.finish(source, result))


def quantise_tflite(source: Path, path: Path, calibration: NDArray[np.float32]) -> None:
    """Write the int8 file; the ranges of the activations are those that `calibration` [n, h, w, c] shows."""
    # The quantizer's own default is a moving average, which would cut off the largest activations.
    interpreter = CalibrationInterpreter(
        str(source), CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS, qsv_update_func=min_max_update
    )
    infer = interpreter.get_signature_runner(SIGNATURE)
    for image in calibration:
        infer(**{INPUT: image[np.newaxis]})
    work = quantizer.Quantizer(str(source))
    work.load_quantization_recipe(recipe.static_wi8_ai8())
    result = work.quantize(interpreter.get_calibration_results(), enable_progress_report=False)
    path.write_bytes(bytes(result.quantized_model))
