"""Many small images laid out as one, and one as a PNG file. Needs neither matplotlib nor seaborn."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from vae_exp.figures.subject import Images, array

Picture = NDArray[np.uint8]
"""(H, W) of grey or (H, W, 3) of colour."""

TILE = 56
"""Side at which an image of a grid is shown, about, in pixels of the screen."""
GAP = 2
"""Width of the white lines between them, in pixels of the screen."""


def tile(images: Images, columns: int, gap: int = GAP) -> Picture:
    """Lay images (N, C, H, W) in [0, 1] out row by row, with white lines of `gap` pixels between them.

    Returns (rows·(H + gap) − gap, columns·(W + gap) − gap), with a last axis of 3 for colour. Places without an image
    are white.
    """
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    places = np.full((rows * columns, height + gap, width + gap, channels), 255, np.uint8)
    places[:n, :height, :width] = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)
    grid = places.reshape(rows, columns, height + gap, width + gap, channels).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + gap), columns * (width + gap), channels)
    picture: Picture = whole[: len(whole) - gap, : whole.shape[1] - gap]
    return picture[..., 0] if channels == 1 else picture


def at_screen_size(images: Images) -> Images:
    """Return images (N, C, H, W) at about TILE pixels a side.

    Small ones have each pixel repeated a whole number of times, so that it stays a square; large ones are averaged.
    """
    side = images.shape[-1]
    if side > 1.5 * TILE:
        return array(F.interpolate(torch.from_numpy(images), size=(TILE, TILE), mode="area"))
    times = round(TILE / side)
    return images.repeat(times, -2).repeat(times, -1)


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file, which holds its pixels and nothing else: no date, no program."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
