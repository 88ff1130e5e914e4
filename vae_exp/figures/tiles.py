"""Arrange small images in one, and encode it as PNG, without matplotlib."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_exp.figures.heading import Note

if TYPE_CHECKING:
    from vae_exp.figures.subject import Images

Picture = NDArray[np.uint8]
"""(H, W) in grey or (H, W, 3) in colour."""

DPI = 200
"""Pixels per inch in print."""
TILE = 84
"""Largest width of an image of a grid, in pixels of the figure."""
GAP = 3
"""Width of the white lines between them, in pixels of the figure."""


def tile(images: Images, columns: int, gap: int = GAP, row_gap: int | None = None) -> Picture:
    """Arrange images (N, C, H, W) in [0, 1] row by row, with white lines of `gap` pixels between them.

    `row_gap` is the gap between rows where it is another. Returns (rows·(H + row_gap) − row_gap,
    columns·(W + gap) − gap), with a last axis of 3 for colour. Places without an image are white.
    """
    row_gap = gap if row_gap is None else row_gap
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    places = np.full((rows * columns, height + row_gap, width + gap, channels), 255, np.uint8)
    places[:n, :height, :width] = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    grid = places.reshape(rows, columns, height + row_gap, width + gap, channels).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + row_gap), columns * (width + gap), channels)
    picture: Picture = whole[: len(whole) - row_gap, : whole.shape[1] - gap]
    return picture[..., 0] if channels == 1 else picture


def resized(images: Images, width: int = TILE) -> Images:
    """Return images at most `width` pixels wide, with their aspect ratio.

    Pixels of small images are repeated a whole number of times, so that they stay squares; large images are averaged.
    """
    height, own = images.shape[-2:]
    if own > width:
        import torch  # the report, which uses `png`, does not need it
        import torch.nn.functional as F

        size = (max(1, round(height * width / own)), width)
        smaller: Images = F.interpolate(torch.from_numpy(images), size=size, mode="area").numpy()
        return smaller
    times = width // own
    return images.repeat(times, -2).repeat(times, -1)


def png(image: Image.Image, note: Note | None = None) -> bytes:
    """Return an image as a PNG file with pixels, resolution and note, without a date."""
    file = io.BytesIO()
    image.save(file, "PNG", dpi=(DPI, DPI), **({} if note is None else {"pnginfo": note.chunks()}))
    return file.getvalue()
