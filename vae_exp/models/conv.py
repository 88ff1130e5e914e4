"""The convolutional VAE: strided convolutions, one linear layer each way, and the mirror image of the encoder."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from torch import nn

from vae_exp.config import ConvConfig
from vae_exp.geometry import Shape, geometry, last_kernels, padding
from vae_exp.models.layers import NarrowConv2d, TransposedConv2d
from vae_exp.registry import implements


@implements(ConvConfig)
def build(config: ConvConfig, shape: Shape) -> tuple[nn.Module, nn.Module]:
    """Return encoder (B, C, H, W) → (B, 2·D) and decoder (N, D) → (N, C, H, W), which gives logits."""
    height, width = geometry(config, shape)
    deepest = (config.channels[-1], height.encoder[-1], width.encoder[-1])
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
        _last_layer(config.channels[1], config.channels[0], *last_kernels(height, width)),
    )
    return encoder, decoder


def _convolutions(config: ConvConfig) -> Iterator[nn.Module]:
    for before, after in zip(config.channels, config.channels[1:], strict=False):
        yield nn.Conv2d(before, after, config.kernel_size, config.stride, padding(config))
        yield nn.ReLU()


def _transposed_convolutions(config: ConvConfig) -> Iterator[nn.Module]:
    widths = [config.channels[-1], *reversed(config.channels[1:])]  # 64, 64, 32
    for before, after in itertools.pairwise(widths):
        yield TransposedConv2d(before, after, config.kernel_size, config.stride)
        yield nn.ReLU()


def _last_layer(before: int, after: int, growing: tuple[int, int], shrinking: tuple[int, int]) -> nn.Module:
    """Return the layer of these kernels (see `last_kernels`), which restores height and width."""
    if growing == (1, 1):
        # The other form is faster while it makes fewer planes than it reads channels.
        narrow = math.prod(shrinking) > 1 and math.prod(shrinking) * after <= before
        return (NarrowConv2d if narrow else nn.Conv2d)(before, after, shrinking)
    layer = TransposedConv2d(before, after, growing)
    return layer if shrinking == (1, 1) else nn.Sequential(layer, nn.Conv2d(after, after, shrinking))
