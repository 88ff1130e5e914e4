"""Data that is given from Python instead of a file: arrays, tensors, or a data set as in torchvision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.config import ArraysConfig, Config, DataConfig
from vae_exp.data.arrays import assemble_arrays, check
from vae_exp.data.binarize import binarize
from vae_exp.data.npy import Header
from vae_exp.data.splits import Splits
from vae_exp.errors import UserError, one_line, short

_given: ContextVar[object] = ContextVar("_given", default=None)


@contextlib.contextmanager
def given(data: object) -> Iterator[None]:
    """Use this data for `data=arrays` without a root inside the context; for None nothing changes."""
    token = _given.set(data)
    try:
        yield
    finally:
        _given.reset(token)


def given_data() -> object:
    """Return the given data, or None."""
    return _given.get()


def arrays_config(options: DataConfig) -> ArraysConfig:
    """Return the configuration of given data: the caller's, or the default."""
    if options == Config().data:
        return ArraysConfig()
    if not isinstance(options, ArraysConfig) or options.root is not None:
        raise UserError(f"config.data must be ArraysConfig(…) without a root when data is given, got {short(options)}")
    return options


def given_splits(data: object, config: ArraysConfig) -> Splits:
    """Return the data set of images, of a pair of images and labels, or of a data set of pairs.

    Images and labels are NumPy arrays, tensors, or anything that `numpy.asarray` converts, with the rules of
    `data=arrays`; they are copied. A data set has a length and returns pairs of an image (a tensor or a Pillow image)
    and its label. Raises UserError when they are invalid.
    """
    try:
        found = {kind: _array(values) for kind, values in _named(data).items()}
    except (ValueError, TypeError) as error:  # NumPy raises it for images of several sizes
        raise UserError(f"data must hold images of one size, each with its label: {one_line(error)}") from None
    headers = {kind: Header(f"data, {kind}", array.shape, array.dtype, False) for kind, array in found.items()}
    check({"train": headers}, config)
    return binarize(assemble_arrays({"train": headers}, {"train": found}, config), config)


def _named(data: object) -> dict[str, Any]:
    """Return the given `images`, and `labels` if there are any."""
    if isinstance(data, tuple):
        if len(data) != 2:
            raise UserError(f"data must be images, or a pair of images and labels, got a tuple of {len(data)}")
        return {"images": data[0]} | ({} if data[1] is None else {"labels": data[1]})
    if isinstance(data, np.ndarray | Tensor | list):
        return {"images": data}
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        rule = "an array, a tensor, a pair of images and labels, or a data set of such pairs"
        raise UserError(f"data must be {rule}, got {type(data).__name__}")
    images, labels = zip(*(data[i] for i in range(len(data))), strict=True)
    return {"images": np.stack([_array(image) for image in images]), "labels": np.asarray(labels)}


def _array(values: Any) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
