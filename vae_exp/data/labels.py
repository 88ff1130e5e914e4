"""Convert arrays of labels to numbers from 0 on, and the names of the classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae_exp.data.npy import Header
from vae_exp.data.splits import Labels
from vae_exp.errors import UserError, printable


def require_labels(labels: Header, images: int, column: int | None) -> None:
    """Raise UserError unless labels of this type and shape fit this number of images."""
    where, shape = labels.where, labels.shape
    if labels.dtype.kind not in "buiUS":
        raise UserError(f"{where} must hold integers or text, got {labels.dtype}")
    if len(shape) not in (1, 2) or 0 in shape[1:]:
        raise UserError(f"{where} must hold one label for each image, N or N×1, got shape {shape}")
    if shape[0] != images:
        raise UserError(f"{where} must hold one label for each of {images} images, got {shape[0]}")
    columns = math.prod(shape[1:])
    if column is None and columns > 1:
        rule = f"one label for each image, got one for each of {columns} tasks"
        raise UserError(f"{where} must hold {rule}; choose one with data.label_column, 0 to {columns - 1}")
    if column is not None and column >= columns:
        raise UserError(f"data.label_column must be below {columns}, the columns of {where}, got {column}")


def to_labels(arrays: Mapping[str, NDArray[Any]], column: int | None) -> tuple[dict[str, Labels], tuple[str, ...]]:
    """Return the labels of all splits as numbers without gaps, and their names in ascending order.

    Of labels N×K, `column` is used. A label has the same number in all splits.
    """
    flat = {name: array.reshape(len(array), -1)[:, column or 0] for name, array in arrays.items()}
    values, numbers = np.unique(np.concatenate(list(flat.values())), return_inverse=True)
    ends = np.cumsum([len(labels) for labels in flat.values()])[:-1]
    parts = np.split(numbers.astype(np.int64), ends)
    return dict(zip(flat, parts, strict=True)), tuple(map(_name, values.tolist()))


def _name(value: object) -> str:
    return printable(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
