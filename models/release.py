"""Writes one network as the five files that the farm uses, judged by the real runtimes, and their digests.

    NAME-float32.onnx  NAME-int8.onnx  NAME-float32.tflite  NAME-int8.tflite     the model
    NAME-golden.npz    `input` [n, h, w, c], `output` [n, classes], both float32; `label` int64 [n] where there is one

With `--check` the files are made in a temporary folder and compared with SHA256SUMS; nothing is written beside it.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from convnet import Network
from onnx_file import quantise_onnx, write_onnx
from tflite_file import quantise_tflite, write_tflite

__all__ = ["main", "run_onnx", "run_tflite"]

FOLDER = Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"
Images = NDArray[np.float32]


def run_onnx(path: Path, images: Images) -> Images:
    """The outputs for one batch, by ONNX Runtime on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])


def run_tflite(path: Path, images: Images) -> Images:
    """The outputs for one batch, by LiteRT on the CPU; int8 tensors are converted by their scale and zero point."""
    interpreter = Interpreter(model_path=str(path))
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(source["index"], images.shape)
    interpreter.allocate_tensors()
    if source["dtype"] == np.int8:
        scale, zero = source["quantization"]
        images = np.clip(np.round(images / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(source["index"], images)
    interpreter.invoke()
    output = interpreter.get_tensor(result["index"])
    if result["dtype"] == np.int8:
        scale, zero = result["quantization"]
        output = (output.astype(np.float32) - zero) * np.float32(scale)
    return np.asarray(output, np.float32)


def _write(network: Network, calibration: Images, inputs: Images, labels: NDArray[np.int64] | None, to: Path) -> None:
    onnx, tflite = to / f"{network.name}-float32.onnx", to / f"{network.name}-float32.tflite"
    write_onnx(network, onnx)
    quantise_onnx(onnx, to / f"{network.name}-int8.onnx", calibration)
    write_tflite(network, tflite)
    quantise_tflite(tflite, to / f"{network.name}-int8.tflite", calibration)
    output = network.forward(inputs).astype(np.float32)
    golden = to / f"{network.name}-golden.npz"
    # Not compressed: the bytes would depend on the version of zlib.
    if labels is None:
        np.savez(golden, input=inputs, output=output)
    else:
        np.savez(golden, input=inputs, output=output, label=labels)


def _judge(network: Network, images: Images, labels: NDArray[np.int64] | None, folder: Path) -> None:
    """Print how far each file is from the reference, and how often it is right where the truth is known."""
    reference = network.forward(images)
    print(f"{network.name}: {network.parameter_count:,} parameters, judged on {len(images)} inputs")
    truth = reference.argmax(axis=1) if labels is None else labels
    said = "same top class" if labels is None else "accuracy"
    print(f"  {'reference (float64)':28} {said} {np.mean(reference.argmax(axis=1) == truth):.4f}")
    for precision in ("float32", "int8"):
        for suffix, run in (("onnx", run_onnx), ("tflite", run_tflite)):
            path = folder / f"{network.name}-{precision}.{suffix}"
            output = run(path, images)
            right, error = np.mean(output.argmax(axis=1) == truth), np.abs(output - reference).max()
            size = path.stat().st_size
            print(f"  {path.name:28} {said} {right:.4f}, largest difference {error:.1e}, {size:,} bytes")


def _digests(name: str, folder: Path) -> dict[str, str]:
    files = sorted(folder.glob(f"{name}-*.*"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _recorded() -> dict[str, str]:
    if not SUMS.exists():
        return {}
    pairs = (line.split() for line in SUMS.read_text().splitlines())
    return {file: digest for digest, file in pairs}


def main(
    network: Network,
    *,
    calibration: Images,
    golden: Images,
    golden_labels: NDArray[np.int64] | None = None,
    judged: Images | None = None,
    judged_labels: NDArray[np.int64] | None = None,
) -> int:
    """Write the files and SHA256SUMS, or with `--check` compare; the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) if "--check" in sys.argv[1:] else FOLDER
        _write(network, calibration, golden, golden_labels, folder)
        _judge(network, golden if judged is None else judged, judged_labels, folder)
        made = _digests(network.name, folder)
    recorded = _recorded()
    if folder == FOLDER:
        lines = sorted({**recorded, **made}.items())
        SUMS.write_text("".join(f"{digest}  {file}\n" for file, digest in lines))
        return 0
    wrong = [file for file, digest in made.items() if recorded.get(file) != digest]
    for file in wrong:
        print(f"{file}: made anew it has the digest {made[file]}, SHA256SUMS says {recorded.get(file, 'nothing')}")
    return 1 if wrong else 0
