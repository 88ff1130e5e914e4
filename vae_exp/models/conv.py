"""The convolutional VAE: strided convolutions, one linear layer each way, and the mirror image of the encoder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from vae_exp.config import ConvConfig
from vae_exp.errors import UserError
from vae_exp.models.layers import NarrowConv2d, TransposedConv2d
from vae_exp.models.vae import Shape
from vae_exp.registry import implements


@dataclass(frozen=True)
class Geometry:
    """The side of the image, in pixels, after each layer."""

    encoder: list[int]
    """The image, then each convolution: 28, 14, 7."""
    decoder: list[int]
    """The smallest encoder side, then each transposed convolution: 7, 15, 31. The last layer brings it back."""


def geometry(config: ConvConfig, shape: Shape) -> Geometry:
    """Derive every side from the configuration; raise UserError where an image of this shape can't be encoded."""
    channels, height, width = shape
    if height != width:
        raise UserError(f"model.name=conv needs square images, got {height}×{width} pixels; choose model=mlp")
    if config.channels[0] != channels:
        rule = f"model.channels[0] must be {channels}, the channels of the data's images"
        raise UserError(f"{rule}, got {config.channels[0]}")
    encoder = [height]
    for i in range(1, len(config.channels)):
        side = (encoder[-1] + 2 * _padding(config) - config.kernel_size) // config.stride + 1
        if side < 1:
            raise UserError(
                f"model.channels must be short enough to leave at least one pixel, got {config.channels}: convolution"
                f" {i} (kernel_size {config.kernel_size}, stride {config.stride}) shrinks {encoder[-1]} pixels to none"
            )
        encoder.append(side)
    decoder = encoder[-1:]
    for _ in config.channels[1:]:
        decoder.append((decoder[-1] - 1) * config.stride + config.kernel_size)
    return Geometry(encoder, decoder)


def _padding(config: ConvConfig) -> int:
    return (config.kernel_size - 1) // 2


@implements(ConvConfig)
def build(config: ConvConfig, shape: Shape) -> tuple[nn.Module, nn.Module]:
    """Return encoder (B, C, S, S) → (B, 2·D) and decoder (N, D) → (N, C, S, S), which gives logits."""
    sides = geometry(config, shape)
    deepest = (config.channels[-1], sides.encoder[-1], sides.encoder[-1])
    features = deepest[0] * deepest[1] * deepest[2]
    encoder = nn.Sequential(
        *_convolutions(config),
        nn.Flatten(),
        nn.Linear(features, 2 * config.latent_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(config.latent_dim, features),
        nn.ReLU(),
        nn.Unflatten(1, deepest),
        *_transposed_convolutions(config),
        _last_layer(config.channels[1], config.channels[0], sides.decoder[-1], shape[1]),
    )
    return encoder, decoder


def _convolutions(config: ConvConfig) -> Iterator[nn.Module]:
    for before, after in zip(config.channels, config.channels[1:], strict=False):
        yield nn.Conv2d(before, after, config.kernel_size, config.stride, _padding(config))
        yield nn.ReLU()


def _transposed_convolutions(config: ConvConfig) -> Iterator[nn.Module]:
    widths = [config.channels[-1], *reversed(config.channels[1:])]  # 64, 64, 32
    for before, after in itertools.pairwise(widths):
        yield TransposedConv2d(before, after, config.kernel_size, config.stride)
        yield nn.ReLU()


def _last_layer(before: int, after: int, side: int, target: int) -> nn.Module:
    if side < target:
        return TransposedConv2d(before, after, target - side + 1)
    kernel_size = side - target + 1
    # The other form pays while the planes it makes are fewer than the channels it reads.
    narrow = kernel_size > 1 and kernel_size**2 * after <= before
    return NarrowConv2d(before, after, kernel_size) if narrow else nn.Conv2d(before, after, kernel_size)
