"""Decode PNG and JPEG images, which may be untrusted."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image, ImageOps

from vae_exp.data.memory import require_memory
from vae_exp.data.splits import Pixels
from vae_exp.errors import UserError, one_line, printable

log = logging.getLogger(__name__)

File = Path | io.BytesIO
Size = tuple[int, int]
"""Height and width, in pixels."""
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}  # Pillow's modes, and what they become
_KINDS = {1: "grey", 3: "colour"}  # by number of channels
_NAMES = {1: "L", 3: "RGB"}
_CONVERT = "set data.channels=1 for grey or 3 for colour to convert all images, transparent pixels to white"


def read_images(
    names: Sequence[str], file: Callable[[int], File], size: Size | None, channels: int | None = None
) -> Pixels:
    """Return the images resized to this height and width: (N, C, H, W); `file` returns the i-th one.

    Without a size they must all have the size of the first. With `channels` 1 all become grey, with 3 colour; with None
    they must all be grey or all colour, without transparency. Raises UserError, naming the image, if it is damaged, is
    of another kind or size than the first, has 16 bits, or exceeds Pillow's limit of 89 million pixels, which is
    checked before decoding.
    """
    shape = read_image(names[0], file(0), None if size is None else (1, 1), channels)[0].shape
    shape = (shape[0], *(size or shape[1:]))
    # They are copied once into their splits.
    require_memory(2 * len(names) * math.prod(shape), f"{len(names)} images of {shape[1]}×{shape[2]} pixels")
    images = np.empty((len(names), *shape), np.uint8)
    for i, name in enumerate(names):
        image, damage = read_image(name, file(i), size, channels)
        if damage:
            log.warning("%s: its metadata is damaged (%s), its pixels are used", name, damage)
        if len(image) != shape[0]:
            _refuse(name, f"is {_KINDS[len(image)]}, but {names[0]} is {_KINDS[shape[0]]}; {_CONVERT}")
        if image.shape != shape:
            sizes = f"{image.shape[1]}×{image.shape[2]} pixels, but {names[0]} has {shape[1]}×{shape[2]}"
            _refuse(name, f"has {sizes}; set data.size (and data.width) to resize all images")
        images[i] = image
    return images


def read_image(name: str, file: File, size: Size | None, channels: int | None = None) -> tuple[Pixels, str | None]:
    """Return an image (C, H, W), upright and resized, and a description of damaged metadata, if any."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)  # metadata that Pillow can't read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                if any("16" in str(tile.args) for tile in image.tile):  # Pillow would cut RGB to 8 bits
                    _refuse(name, "has 16 bits per channel, which is not supported; convert it to 8 bits first")
                image.load()
                pixels = _stretched(_in_channels(_upright(image), name, channels), size)
    except UserError:
        raise
    except Exception as error:  # What Pillow raises for damaged files is not documented: SyntaxError, struct.error …
        _refuse(name, f"can't be read as PNG or JPEG: {one_line(error) or type(error).__name__}")
    return pixels, printable(str(caught[0].message)) if caught else None


def _upright(image: Image.Image) -> Image.Image:
    """Return the image rotated according to its EXIF; warn and don't rotate it if the EXIF is damaged."""
    try:
        Image.Exif().load(image.info.get("exif", b""))  # raises the error that Pillow ignored when it opened a JPEG
        return ImageOps.exif_transpose(image)
    except Exception as error:
        warnings.warn(f"its EXIF can't be read ({one_line(error) or type(error).__name__})", stacklevel=2)
        return image


def _in_channels(image: Image.Image, name: str, channels: int | None) -> Image.Image:
    """Return the image in grey or colour; refuse one that may be converted only with `data.channels`."""
    if channels is None and image.has_transparency_data:
        _refuse(name, f"has transparent pixels; {_CONVERT}")
    if channels is None and image.mode not in _MODES:
        _refuse(name, f"must be grey or RGB, got Pillow's mode {image.mode}; {_CONVERT}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(_MODES[image.mode] if channels is None else _NAMES[channels])


def _stretched(image: Image.Image, size: Size | None) -> Pixels:
    pixels = np.asarray(image if size is None else image.resize(size[::-1], Image.Resampling.BILINEAR))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _refuse(name: str, why: str) -> NoReturn:
    raise UserError(f"{name} {why}")
