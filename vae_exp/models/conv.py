"""The convolutional VAE: strided convolutions, one linear layer each way, and the mirror image of the encoder."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from vae_exp.config import ConvConfig
from vae_exp.config.identity import written
from vae_exp.errors import UserError
from vae_exp.models.layers import NarrowConv2d, TransposedConv2d
from vae_exp.models.vae import Shape
from vae_exp.registry import implements


@dataclass(frozen=True)
class Sides:
    """Height or width of the image, in pixels, after each layer."""

    encoder: list[int]
    """The image, then each convolution: 28, 14, 7."""
    decoder: list[int]
    """The smallest encoder side, then each transposed convolution: 7, 15, 31. The last layer brings it back."""

    @property
    def excess(self) -> int:
        """Return how many pixels the last layer has to take away; below 0, how many it has to add."""
        return self.decoder[-1] - self.encoder[0]


def geometry(config: ConvConfig, shape: Shape) -> tuple[Sides, Sides]:
    """Derive every height and width from the configuration; raise UserError where no image of this shape fits."""
    channels, height, width = shape
    if config.channels[0] != channels:
        rule = f"model.channels[0] must be {channels}, the channels of the data's images, got {config.channels[0]}"
        raise UserError(f"{rule}; set model.channels={written([channels, *config.channels[1:]])}")
    return _sides(config, height), _sides(config, width)


def _sides(config: ConvConfig, side: int) -> Sides:
    encoder = [side]
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
    return Sides(encoder, decoder)


def _padding(config: ConvConfig) -> int:
    return (config.kernel_size - 1) // 2


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
        _last_layer(config.channels[1], config.channels[0], (height.excess, width.excess)),
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


def _last_layer(before: int, after: int, excess: tuple[int, int]) -> nn.Module:
    """Return the layer that brings height and width back.

    A convolution where there is an excess, a transposed one where pixels are missing, and both where one axis has an
    excess and the other a lack.
    """
    shrinking, growing = ((max(h, 0) + 1, max(w, 0) + 1) for h, w in (excess, (-excess[0], -excess[1])))
    if growing == (1, 1):
        # The other form pays while the planes it makes are fewer than the channels it reads.
        narrow = math.prod(shrinking) > 1 and math.prod(shrinking) * after <= before
        return (NarrowConv2d if narrow else nn.Conv2d)(before, after, shrinking)
    layer = TransposedConv2d(before, after, growing)
    return layer if shrinking == (1, 1) else nn.Sequential(layer, nn.Conv2d(after, after, shrinking))
