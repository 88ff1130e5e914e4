"""Height and width of an image in each layer of the convolutional VAE. It needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.config import ConvConfig
from vae_exp.config.identity import format_value
from vae_exp.errors import UserError

Shape = tuple[int, int, int]
"""Channels, height and width of an image, in pixels."""


@dataclass(frozen=True)
class Sides:
    """Height or width of the image, in pixels, after each layer."""

    encoder: list[int]
    """The image, then each convolution: 28, 14, 7."""
    decoder: list[int]
    """The smallest encoder side, then each transposed convolution: 7, 15, 31. The last layer brings it back."""

    @property
    def excess(self) -> int:
        """Return the number of pixels that the last layer must remove; below 0, the number that it must add."""
        return self.decoder[-1] - self.encoder[0]


def geometry(config: ConvConfig, shape: Shape) -> tuple[Sides, Sides]:
    """Derive every height and width from the configuration; raise UserError when an image of this shape doesn't fit."""
    channels, height, width = shape
    if config.channels[0] != channels:
        rule = f"model.channels[0] must be {channels}, the channels of the data's images, got {config.channels[0]}"
        raise UserError(f"{rule}; set model.channels={format_value([channels, *config.channels[1:]])}")
    return _sides(config, height), _sides(config, width)


def _sides(config: ConvConfig, side: int) -> Sides:
    encoder = [side]
    for i in range(1, len(config.channels)):
        side = (encoder[-1] + 2 * padding(config) - config.kernel_size) // config.stride + 1
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


def padding(config: ConvConfig) -> int:
    """Return the padding of each convolution of the encoder, in pixels."""
    return (config.kernel_size - 1) // 2


def last_kernels(height: Sides, width: Sides) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the kernels that restore height and width: of a transposed convolution and of a convolution after it.

    Where there is an excess the convolution takes it away, where pixels are missing the transposed one adds them; both
    are needed where one axis has an excess and the other a lack. (1, 1) is a layer that isn't there, unless both are:
    then there is the convolution.
    """
    lack, excess = ([max(sign * side.excess, 0) + 1 for side in (height, width)] for sign in (-1, 1))
    return (lack[0], lack[1]), (excess[0], excess[1])
