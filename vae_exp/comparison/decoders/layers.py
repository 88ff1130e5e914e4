"""The layers of a decoder for the page, derived from a configuration and never from an untrusted file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vae_exp.config import ConvConfig, MlpConfig, ModelConfig
from vae_exp.errors import UserError
from vae_exp.geometry import Shape, geometry, last_kernels

Array = NDArray[np.float32]

LINEAR, TRANSPOSED, CONVOLUTION = "linear", "transposed", "convolution"
MOST_WORK = 10**8
"""Multiplications for an image, of which a page manages about ten a second: above it can't follow a hand."""
COLOURS = (1, 3)
"""Channels of images that a page can show."""


@dataclass(frozen=True)
class Layer:
    """A layer of `vae.decoder` and the activation after it. Images are (C, H, W); so is a vector: (C, 1, 1)."""

    kind: str
    name: str
    """That of its module below the decoder: `0`, `7.1`."""
    activation: str
    """`relu`, `tanh`, `softplus`, or nothing after the last layer."""
    input: Shape
    output: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of its weight and bias in torch."""
        before, after = self.input[0], self.output[0]
        if self.kind == LINEAR:
            return {"weight": (math.prod(self.output), before), "bias": (math.prod(self.output),)}
        ends = (before, after) if self.kind == TRANSPOSED else (after, before)
        return {"weight": (*ends, *self.kernel), "bias": (after,)}

    @property
    def work(self) -> int:
        """Return the number of multiplications for an image."""
        pixels = self.output[1:] if self.kind == CONVOLUTION else self.input[1:]
        return math.prod(pixels) * math.prod(self.shapes["weight"])

    def channels_last(self, weight: Array, bias: Array) -> tuple[Array, Array]:
        """Return weight and bias in the order in which the page reads them, where an image is (H, W, C).

        The weight of a linear layer becomes (I, H, W, C), that of a transposed convolution (K, L, I, O), and that of a
        convolution (O, K, L, I).
        """
        if self.kind == LINEAR:
            bias = bias.reshape(self.output).transpose(1, 2, 0)
            return weight.reshape(*self.output, -1).transpose(3, 1, 2, 0), bias
        return weight.transpose((2, 3, 0, 1) if self.kind == TRANSPOSED else (0, 2, 3, 1)), bias


def layers(config: ModelConfig, shape: Shape) -> list[Layer]:
    """Return the layers from z to logits; raise UserError when a page can't run them for images of this shape."""
    if shape[0] not in COLOURS:
        raise UserError(f"images of {shape[0]} channels have no colours")
    if type(config) is ConvConfig:
        found = list(_convolutional(config, shape))
    elif type(config) is MlpConfig:
        found = list(_fully_connected(config, shape))
    else:
        raise UserError("the network has other layers than conv and mlp")
    if sum(layer.work for layer in found) > MOST_WORK:
        raise UserError(f"an image takes more than {MOST_WORK // 10**6} million multiplications")
    return found


def _convolutional(config: ConvConfig, shape: Shape) -> Iterator[Layer]:
    """Yield the layers of `models.conv`: linear, transposed convolutions, and those that restore height and width."""
    height, width = geometry(config, shape)
    image = (config.channels[-1], height.decoder[0], width.decoder[0])
    yield Layer(LINEAR, "0", "relu", (config.latent_dim, 1, 1), image)
    kernel = (config.kernel_size, config.kernel_size)
    channels = [config.channels[-1], *reversed(config.channels[1:])][1:]
    for i, output in enumerate(zip(channels, height.decoder[1:], width.decoder[1:], strict=True)):
        yield Layer(TRANSPOSED, str(3 + 2 * i), "relu", image, output, kernel, config.stride)
        image = output
    yield from _last(str(3 + 2 * len(channels)), image, shape, *last_kernels(height, width))


def _last(
    name: str, image: Shape, shape: Shape, growing: tuple[int, int], shrinking: tuple[int, int]
) -> Iterator[Layer]:
    """Yield one layer or two (see `geometry.last_kernels`)."""
    if growing == (1, 1):
        yield Layer(CONVOLUTION, name, "", image, shape, shrinking)
    elif shrinking == (1, 1):
        yield Layer(TRANSPOSED, name, "", image, shape, growing)
    else:
        grown = (shape[0], image[1] + growing[0] - 1, image[2] + growing[1] - 1)
        yield Layer(TRANSPOSED, f"{name}.0", "", image, grown, growing)
        yield Layer(CONVOLUTION, f"{name}.1", "", grown, shape, shrinking)


def _fully_connected(config: MlpConfig, shape: Shape) -> Iterator[Layer]:
    """Yield the layers of `models.mlp`; the last one reshapes a vector to an image."""
    vectors: list[Shape] = [(width, 1, 1) for width in (config.latent_dim, *reversed(config.hidden))]
    for i, (before, after) in enumerate(pairwise([*vectors, shape])):
        last = after is shape
        yield Layer(LINEAR, str(2 * i), "" if last else config.activation, before, after)
