"""Trains and makes the digits model: `uv run --no-project --script models/make_digits.py [--check]`.

A small network that reads the 8x8 handwritten digits that scikit-learn ships, so that its accuracy means something.
It is trained here, in numpy and float64, and its weights are then rounded to steps of 1/4096: what differs between two
linear algebra libraries is far below such a step, so that another machine makes the same float32 files.
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
#     "scikit-learn==1.9.1",
# ]
# ///

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from convnet import Convolution, Dense, MaxPool, Network, patches, softmax
from release import main

HELD_OUT, GOLDEN = 360, 128
EPOCHS, BATCH = 80, 32
LEARNING_RATE, WEIGHT_DECAY = 5e-3, 1e-4
STEP = 1 / 4096
KERNEL, FIRST, SECOND, CLASSES = 3, 16, 32, 10

Array = NDArray[np.float64]


@dataclass
class Parameters:
    """8x8x1 -> convolution, padded, 16 -> max-pool 2 -> convolution 32 -> 2x2x32 = 128 -> 10."""

    first: Array
    first_bias: Array
    second: Array
    second_bias: Array
    dense: Array
    dense_bias: Array

    @classmethod
    def random(cls, random: np.random.Generator) -> Parameters:
        def matrix(rows: int, columns: int) -> Array:
            return np.asarray(random.standard_normal((rows, columns)) * np.sqrt(2.0 / rows))

        window = KERNEL * KERNEL
        return cls(
            matrix(window, FIRST),
            np.zeros(FIRST),
            matrix(window * FIRST, SECOND),
            np.zeros(SECOND),
            matrix(4 * SECOND, CLASSES),
            np.zeros(CLASSES),
        )

    def all(self) -> list[Array]:
        return [self.first, self.first_bias, self.second, self.second_bias, self.dense, self.dense_bias]


def gradients(parameters: Parameters, images: Array, labels: NDArray[np.int64]) -> list[Array]:
    """Of the mean cross-entropy, in the order of `Parameters.all`."""
    p, n = parameters, len(images)
    first_in = patches(images, KERNEL, KERNEL, padded=True)
    first = np.maximum(first_in @ p.first + p.first_bias, 0)
    windows = first.reshape(n, 4, 2, 4, 2, FIRST)
    pooled = windows.max(axis=(2, 4))
    second_in = patches(pooled, KERNEL, KERNEL, padded=False)
    second = np.maximum(second_in @ p.second + p.second_bias, 0)
    flat = second.reshape(n, -1)

    d_logits = softmax(flat @ p.dense + p.dense_bias)
    d_logits[np.arange(n), labels] -= 1
    d_logits /= n
    d_second = (d_logits @ p.dense.T).reshape(second.shape) * (second > 0)
    d_second_in = (d_second @ p.second.T).reshape(n, 2, 2, KERNEL, KERNEL, FIRST)
    d_pooled = np.zeros_like(pooled)
    for row in range(KERNEL):
        for column in range(KERNEL):
            d_pooled[:, row : row + 2, column : column + 2] += d_second_in[:, :, :, row, column]
    winners = windows == pooled[:, :, None, :, None]
    d_first = (winners * d_pooled[:, :, None, :, None]).reshape(first.shape) * (first > 0)

    def weights(inputs: Array, upstream: Array) -> Array:
        slope: Array = inputs.reshape(-1, inputs.shape[-1]).T @ upstream.reshape(-1, upstream.shape[-1])
        return slope

    return [
        weights(first_in, d_first),
        d_first.sum(axis=(0, 1, 2)),
        weights(second_in, d_second),
        d_second.sum(axis=(0, 1, 2)),
        weights(flat, d_logits),
        d_logits.sum(axis=0),
    ]


def moved(images: Array, random: np.random.Generator) -> Array:
    """The images, each by up to one pixel in both directions."""
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    steps = random.integers(0, 3, (len(images), 2))
    corners = zip(wide, steps)
    return np.stack([image[row : row + 8, column : column + 8] for image, (row, column) in corners])


def train(images: Array, labels: NDArray[np.int64], seed: int = 0) -> Parameters:
    """Adam with a learning rate that falls to nothing (Kingma and Ba, 2015)."""
    random = np.random.default_rng(seed)
    parameters = Parameters.random(random)
    means = [np.zeros_like(x) for x in parameters.all()]
    squares = [np.zeros_like(x) for x in parameters.all()]
    steps = EPOCHS * (len(images) // BATCH)
    for step in range(steps):
        chosen = random.choice(len(images), BATCH, replace=False)
        slopes = gradients(parameters, moved(images[chosen], random), labels[chosen])
        rate = LEARNING_RATE * (1 - step / steps)
        for x, slope, mean, square in zip(parameters.all(), slopes, means, squares):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            ahead = (mean / (1 - 0.9 ** (step + 1))) / (np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8)
            x -= rate * (ahead + WEIGHT_DECAY * x)
    return parameters


def network(parameters: Parameters) -> Network:
    first, first_bias, second, second_bias, dense, dense_bias = (
        (np.round(x / STEP) * STEP).astype(np.float32) for x in parameters.all()
    )
    return Network(
        "digits",
        (8, 8, 1),
        (
            Convolution(first.reshape(KERNEL, KERNEL, 1, FIRST), first_bias, padded=True),
            MaxPool(2),
            Convolution(second.reshape(KERNEL, KERNEL, FIRST, SECOND), second_bias),
            Dense(dense, dense_bias),
        ),
    )


if __name__ == "__main__":
    data = load_digits()
    pixels = (data.images / 16.0)[..., np.newaxis]
    labels = data.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(pixels))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    images = pixels.astype(np.float32)
    sys.exit(
        main(
            network(train(pixels[training], labels[training])),
            calibration=images[training[:256]],
            golden=images[held_out[:GOLDEN]],
            golden_labels=labels[held_out[:GOLDEN]],
            judged=images[held_out],
            judged_labels=labels[held_out],
        )
    )
