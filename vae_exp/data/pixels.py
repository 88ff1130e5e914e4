"""Convert arrays of images, of any layout and type, to uint8 with channels first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae_exp.data.splits import Pixels
from vae_exp.errors import UserError

CHANNELS = (1, 3)
_AXES = {"nhwc": 3, "nchw": 1}
"""Which of four axes holds the channels, by `data.layout`."""
_CHUNK = 10_000  # images converted at a time, so that float copies stay small


def channel_axis(shape: tuple[int, ...], layout: str | None, where: str) -> int | None:
    """Return the axis of the channels of images of this shape; None for three axes, N×H×W.

    Raises UserError for other shapes, and for an ambiguous shape of four axes without `layout`.
    """
    if len(shape) == 3 and layout is None:
        return None
    if len(shape) == 3:
        raise UserError(f"data.layout must be null for images of three axes, got {layout!r} for {_format_shape(shape)}")
    axes = [axis for axis in ([_AXES[layout]] if layout else _AXES.values()) if _has_channels(shape, axis)]
    if len(axes) == 2:
        both = f"N×H×W×C and as N×C×H×W, got {_format_shape(shape)}"
        raise UserError(f"{where} can be read as {both}; set data.layout=nhwc or data.layout=nchw")
    if not axes:
        layouts = "N×H×W, N×H×W×C or N×C×H×W" if layout is None else "×".join(layout.upper())
        rule = f"images {layouts} with 1 or 3 channels C, not volumes"
        raise UserError(f"{where} must hold {rule}, got {_format_shape(shape)}")
    return axes[0]


def image_shape(shape: tuple[int, ...], axis: int | None) -> tuple[int, int, int]:
    """Return channels, height and width of images of this shape, with the channels on this axis."""
    if axis is None:
        return 1, shape[1], shape[2]
    height, width = (shape[i] for i in (1, 2, 3) if i != axis)
    return shape[axis], height, width


def require_type(dtype: np.dtype[Any], where: str) -> None:
    """Raise UserError unless this is a supported type of images."""
    if dtype != np.uint8 and dtype.kind not in "bf":
        raise UserError(f"{where} must hold uint8 or floats in [0, 1], got {dtype}")


def to_pixels(arrays: Mapping[str, NDArray[Any]], axis: int | None, where: Mapping[str, str]) -> dict[str, Pixels]:
    """Return the images of all splits as uint8 (N, C, H, W): floats in [0, 1] are rounded to 256 levels.

    Integers must be uint8. If none of them is above 1, they are black and white, and 1 becomes 255. Raises UserError,
    naming the array as in `where`, for other types, for NaN and for values outside [0, 1].
    """
    is_binary = all(_is_binary(array) for array in arrays.values() if array.dtype.kind != "f")
    return {name: _pixels(array, axis, is_binary, where[name]) for name, array in arrays.items()}


def _pixels(array: NDArray[Any], axis: int | None, is_binary: bool, where: str) -> Pixels:
    images = array[:, None] if axis is None else np.moveaxis(array, axis, 1)
    if images.dtype == np.uint8 and not is_binary:
        return np.ascontiguousarray(images)
    pixels = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        if part.dtype.kind == "f":
            _require_fractions(part, where)
            part = np.rint(part.astype(np.float32) * 255)
        else:
            part = part * np.uint8(255)
        pixels[start : start + _CHUNK] = part
    return pixels


def _require_fractions(values: NDArray[Any], where: str) -> None:
    outside = ~((values >= 0) & (values <= 1))  # NaN fails both comparisons
    if outside.any():
        raise UserError(f"{where} must hold floats in [0, 1], got {float(values[outside][0])}")


def _is_binary(array: NDArray[Any]) -> bool:
    return array.dtype == bool or bool(array.max() <= 1)


def _has_channels(shape: tuple[int, ...], axis: int) -> bool:
    return len(shape) == 4 and shape[axis] in CHANNELS


def _format_shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
