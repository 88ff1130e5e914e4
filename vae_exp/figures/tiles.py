"""Many small images laid out as one, and one as a PNG file. Needs Pillow alone."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_exp.figures.subject import Images

Picture = NDArray[np.uint8]
"""(H, W) of grey or (H, W, 3) of colour."""

TILE = 56
"""Side at which an image of a grid is shown, about, in pixels of the screen."""


def tile(images: Images, columns: int, gap: int = 1) -> Picture:
    """Lay images (N, C, H, W) in [0, 1] out row by row, with white lines of `gap` pixels between them.

    Returns (rows·(H + gap) − gap, columns·(W + gap) − gap), with a last axis of 3 for colour. Places without an image
    are white.
    """
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * columns, height + gap, width + gap, channels), 255, np.uint8)
    sheet[:n, :height, :width] = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    grid = sheet.reshape(rows, columns, height + gap, width + gap, channels).swapaxes(1, 2)
    picture: Picture = grid.reshape(rows * (height + gap), columns * (width + gap), channels)
    picture = picture[: len(picture) - gap, : picture.shape[1] - gap]
    return picture[..., 0] if channels == 1 else picture


def magnification(side: int, tile: int = TILE) -> float:
    """Return how many pixels of the screen a pixel of an image gets: a whole number, or below 1 for large images."""
    return max(1, round(tile / side)) if side <= 1.5 * tile else tile / side


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file, which holds its pixels and nothing else: no date, no program."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def grid_png(images: Images, columns: int) -> bytes:
    """Return images (N, C, H, W) in [0, 1] as the PNG of a grid, without any lettering."""
    image = Image.fromarray(tile(images, columns))
    factor = magnification(images.shape[-1])
    size = round(image.width * factor), round(image.height * factor)
    return png(image.resize(size, Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX))
