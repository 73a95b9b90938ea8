"""A small convolutional network as a value: layers with their weights, in the layout that the files share.

Images are NHWC, convolution weights HWIO, dense weights (in, out); a softmax ends every network. `forward` computes
in float64, so that the reference outputs belong to neither of the runtimes that are judged by them.

    network = Network("digits", (8, 8, 1), (Convolution(w, b), MaxPool(2), Dense(w, b)))
    probabilities = network.forward(images)        # [n, h, w, c] -> [n, classes]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np
from numpy.typing import NDArray

__all__ = ["Convolution", "Dense", "Layer", "MaxPool", "Network", "patches", "softmax"]

Array = NDArray[np.float64]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Convolution:
    """Stride 1, followed by a ReLU. `padded` keeps the size (odd kernels only); otherwise only full windows count."""

    weights: Weights
    bias: Weights
    padded: bool = False


@dataclass(frozen=True)
class MaxPool:
    """Windows of `size` x `size` that do not overlap; a remainder at the edge is dropped."""

    size: int


@dataclass(frozen=True)
class Dense:
    """Without an activation. The first one flattens its input in NHWC order."""

    weights: Weights
    bias: Weights


Layer = Union[Convolution, MaxPool, Dense]


def patches(images: Array, height: int, width: int, *, padded: bool) -> Array:
    """Every window of the images, flattened: [n, h, w, c] -> [n, h', w', height * width * c]."""
    if padded:
        images = np.pad(images, ((0, 0), (height // 2,) * 2, (width // 2,) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(1, 2))
    windows = windows.transpose(0, 1, 2, 4, 5, 3)
    return np.ascontiguousarray(windows).reshape(*windows.shape[:3], -1)


def softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Network:
    """`input_shape` is (height, width, channels)."""

    name: str
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]

    @property
    def parameter_count(self) -> int:
        return sum(x.weights.size + x.bias.size for x in self.layers if not isinstance(x, MaxPool))

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of one image after each layer, without the batch."""
        shapes: list[tuple[int, ...]] = []
        shape: tuple[int, ...] = self.input_shape
        for layer in self.layers:
            if isinstance(layer, Convolution):
                height, width, _, out = layer.weights.shape
                shape = (*shape[:2], out) if layer.padded else (shape[0] - height + 1, shape[1] - width + 1, out)
            elif isinstance(layer, MaxPool):
                shape = (shape[0] // layer.size, shape[1] // layer.size, shape[2])
            else:
                shape = (layer.weights.shape[1],)
            shapes.append(shape)
        return shapes

    def forward(self, images: NDArray[np.float32]) -> Array:
        """Class probabilities, [n, classes]."""
        x = images.astype(np.float64)
        for layer in self.layers:
            if isinstance(layer, Convolution):
                height, width, _, out = layer.weights.shape
                kernel = layer.weights.astype(np.float64).reshape(-1, out)
                x = np.maximum(patches(x, height, width, padded=layer.padded) @ kernel + layer.bias, 0.0)
            elif isinstance(layer, MaxPool):
                size = layer.size
                n, rows, columns, channels = len(x), x.shape[1] // size, x.shape[2] // size, x.shape[3]
                x = x[:, : rows * size, : columns * size]
                x = x.reshape(n, rows, size, columns, size, channels).max(axis=(2, 4))
            else:
                x = x.reshape(len(x), -1) @ layer.weights.astype(np.float64) + layer.bias
        return softmax(x)
