"""The user's own arrays: `data=arrays`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vae_exp.config import ArraysConfig
from vae_exp.data.array_names import arrays_by_split
from vae_exp.data.folders import root_folder
from vae_exp.data.labels import require_labels, to_labels
from vae_exp.data.memory import require_memory
from vae_exp.data.npy import Header, array_names, read_array, read_header
from vae_exp.data.own_splits import fill_splits
from vae_exp.data.pixels import channel_axis, image_shape, require_type, to_pixels
from vae_exp.data.splits import Splits
from vae_exp.errors import UserError
from vae_exp.registry import implements

Headers = dict[str, dict[str, Header]]
"""By split (`train` is required) and kind: `images`, and `labels` in all splits or in none."""
Arrays = dict[str, dict[str, NDArray[Any]]]
"""The arrays with these headers."""


@implements(ArraysConfig)
def arrays(config: ArraysConfig) -> Splits:
    """Return the images and labels of a `.npz` or `.npy` file, in the splits that it names and `fill_splits` fills up.

    All headers are checked before an array is read. Raises UserError, naming the array.
    """
    if config.root is None:
        raise UserError("data.root must be a .npz or .npy file, got None; from Python, data= takes the arrays")
    path = root_folder(config.root)
    if path.suffix not in (".npz", ".npy") or not path.is_file():
        raise UserError(f"data.root must be a .npz or .npy file that exists, got {str(path)!r}")
    places = _places(path)
    headers = {split: {kind: read_header(*place) for kind, place in kinds.items()} for split, kinds in places.items()}
    check(headers, config)
    found = {split: {kind: read_array(*place) for kind, place in kinds.items()} for split, kinds in places.items()}
    return assemble_arrays(headers, found, config)


def _places(path: Path) -> dict[str, dict[str, tuple[Path, str]]]:
    """Return file and name of each array that is used."""
    if path.suffix == ".npy":
        places = {"images": (path, path.stem)}
        beside = path.with_name("labels.npy")
        return {"train": places | ({"labels": (beside, beside.stem)} if beside.is_file() else {})}
    named = arrays_by_split(array_names(path), str(path))
    return {split: {kind: (path, name) for kind, name in kinds.items()} for split, kinds in named.items()}


def check(headers: Headers, config: ArraysConfig) -> int | None:
    """Return the axis of the channels, if there is one; raise UserError when the arrays don't fit together."""
    first = headers["train"]["images"]
    axis = channel_axis(first.shape, config.layout, first.where)
    for kinds in headers.values():
        images, labels = kinds["images"], kinds.get("labels")
        require_type(images.dtype, images.where)
        if images.shape[1:] != first.shape[1:]:
            rule = f"images of shape {first.shape[1:]}, as {first.where}"
            raise UserError(f"{images.where} must have {rule}, got {images.shape[1:]}")
        if 0 in images.shape:
            raise UserError(f"{images.where} must hold at least one image of at least one pixel, got {images.shape}")
        if (labels is None) != ("labels" not in headers["train"]):
            raise UserError(f"{images.where} must have labels if and only if {first.where} has them")
        if labels is not None:
            require_labels(labels, images.shape[0], config.label_column)
    if config.label_column is not None and "labels" not in headers["train"]:
        raise UserError(f"data.label_column must be null since {first.where} has no labels, got {config.label_column}")
    _require_memory(headers, axis)
    return axis


def _require_memory(headers: Headers, axis: int | None) -> None:
    """Require memory for each array, and twice for its pixels: they are converted, then copied into their splits."""
    every = [header for kinds in headers.values() for header in kinds.values()]
    images = [kinds["images"] for kinds in headers.values()]
    pixels = sum(header.shape[0] * math.prod(image_shape(header.shape, axis)) for header in images)
    where = images[0].where
    require_memory(sum(header.nbytes for header in every) + 2 * pixels, f"{where} and the arrays beside it")


def assemble_arrays(headers: Headers, found: Arrays, config: ArraysConfig) -> Splits:
    """Return the data set of arrays whose headers were checked by `check`."""
    axis = channel_axis(headers["train"]["images"].shape, config.layout, "")
    images = {split: kinds["images"] for split, kinds in found.items()}
    pixels = to_pixels(images, axis, {split: kinds["images"].where for split, kinds in headers.items()})
    if "labels" not in found["train"]:
        return fill_splits({split: (pixels[split], None) for split in pixels}, config, None)
    labels, classes = to_labels({split: kinds["labels"] for split, kinds in found.items()}, config.label_column)
    return fill_splits({split: (pixels[split], labels[split]) for split in pixels}, config, classes)
