"""Makes the CNN of the ARM-CPU comparison: `uv run --no-project --script models/make_arm_cpu_cnn.py [--check]`.

The network that compared Caffe, TensorFlow and MXNet builds on a Raspberry Pi 3 in 2017: 88x88x1 in, 848 classes out,
exactly 1,039,744 parameters. Its weights are random (He initialisation, fixed seed): it is for speed, not for sense.
"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "ai-edge-litert==2.3.0",
#     "ai-edge-quantizer==0.10.0",
#     "flatbuffers==25.12.19",
#     "ml-dtypes==0.6.0",
#     "numpy==2.4.6",
#     "onnx==1.23.2",
#     "onnxruntime==1.31.1",
#     "protobuf==7.36.2",
# ]
# ///

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from convnet import Convolution, Dense, MaxPool, Network
from release import main

PARAMETERS = 1_039_744
INPUT_SHAPE = (88, 88, 1)

Array = NDArray[np.float32]


def build() -> Network:
    random = np.random.default_rng(0)

    def weights(*shape: int) -> Array:
        fan_in = int(np.prod(shape[:-1]))
        scaled = random.standard_normal(shape) * np.sqrt(2.0 / fan_in)
        return np.asarray(scaled, np.float32)

    def bias(size: int) -> Array:
        return np.zeros(size, np.float32)

    return Network(
        "arm-cpu-cnn",
        INPUT_SHAPE,
        (
            Convolution(weights(7, 7, 1, 16), bias(16)),
            MaxPool(2),
            Convolution(weights(6, 6, 16, 48), bias(48)),
            MaxPool(3),
            Convolution(weights(5, 5, 48, 96), bias(96)),
            Dense(weights(8 * 8 * 96, 128), bias(128)),
            Dense(weights(128, 848), bias(848)),
        ),
    )


def images(count: int, seed: int) -> Array:
    """Noise, uniform in [-1, 1)."""
    noise = np.random.default_rng(seed).random((count, *INPUT_SHAPE), np.float32)
    return np.asarray(noise * 2 - 1, np.float32)


def most_decided(network: Network, candidates: Array, count: int) -> Array:
    """Images of `count` different classes, those whose first class is furthest ahead of the second.

    So another first class is a wrong output and never a rounding, and an answer that is always the same is wrong too.
    """
    outputs = np.concatenate([network.forward(image[np.newaxis]) for image in candidates])
    ranked = np.sort(outputs, axis=1)
    by_margin = np.argsort(ranked[:, -2] - ranked[:, -1])
    classes = outputs.argmax(axis=1)
    _, first_of_class = np.unique(classes[by_margin], return_index=True)
    return candidates[by_margin[np.sort(first_of_class)[:count]]]


if __name__ == "__main__":
    network = build()
    if network.parameter_count != PARAMETERS:
        sys.exit(f"{network.parameter_count:,} parameters, not {PARAMETERS:,}: this is another network")
    golden = most_decided(network, images(256, seed=2), 8)
    sys.exit(main(network, calibration=images(64, seed=1), golden=golden))
