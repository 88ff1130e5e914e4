"""Encode numbers for a page: 16-bit integers in base64, and one factor for each array."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

MOST = 2**15 - 1
"""Largest integer. With 8 bits the pixels of the default model were wrong by up to 14 of 255 levels, with 12 bits by
1.2, with 16-bit floats, which are as long, by 0.4; with these by 0.06."""


def pack(arrays: Iterable[NDArray[np.float32]]) -> tuple[str, list[float]]:
    """Return arrays of finite numbers, one after the other and little-endian, and the factor of each.

    An array is its integers times its factor, to 1/65,534 of its largest absolute value.

    >>> pack([np.float32([0.5, -1.0])])
    ('AEABgA==', [3.051850947599719e-05])
    """
    integers, factors = [], []
    for array in arrays:
        factors.append(float(np.abs(array).max(initial=0)) / MOST)
        integers.append(np.rint(array / (factors[-1] or 1)).astype("<i2").tobytes())
    return base64.b64encode(b"".join(integers)).decode(), factors


def pack_labels(labels: NDArray[np.int64]) -> str:
    """Return labels below 256, a byte each, in base64."""
    return base64.b64encode(labels.astype(np.uint8).tobytes()).decode()
