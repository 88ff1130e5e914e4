"""A folder of the user's own images: `data=images`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_exp.config import ImagesConfig
from vae_exp.data.folders import root_folder
from vae_exp.data.image_files import find_images, read_images
from vae_exp.data.splits import Splits, assemble, stratified_split
from vae_exp.errors import UserError
from vae_exp.registry import implements


@implements(ImagesConfig)
def images(config: ImagesConfig) -> Splits:
    """Return the PNG and JPEG files below `data.root`, split by `val_fraction` and `test_fraction`, stratified.

    Where the images lie in subfolders, those are the labels, in alphabetical order. Raises UserError when the folder,
    a file or a fraction won't do.
    """
    if config.root is None:
        raise UserError("data.root must be a folder of PNG or JPEG files, got None")
    folder = root_folder(config.root)
    paths = find_images(folder)
    labels, classes = _labels([path.relative_to(folder) for path in paths], folder)
    val, test = _sizes(len(paths), config)
    dealt = stratified_split(read_images(paths, config.size), labels, val, test)
    return assemble(dealt[2], dealt[0] if val else None, dealt[1] if test else None, classes)


def _labels(paths: list[Path], folder: Path) -> tuple[NDArray[np.int64], tuple[str, ...]] | tuple[None, None]:
    nested = [len(path.parts) > 1 for path in paths]
    if not any(nested):
        return None, None
    if not all(nested):
        stray = paths[nested.index(False)]
        raise UserError(f"{folder} must hold images in subfolders or directly, got both: {stray} is in none")
    classes, labels = np.unique([path.parts[0] for path in paths], return_inverse=True)
    return labels, tuple(classes.tolist())


def _sizes(number: int, config: ImagesConfig) -> tuple[int, int]:
    """Return how many of the images are for validation and how many for testing."""
    val, test = round(number * config.val_fraction), round(number * config.test_fraction)
    for key, fraction, size in (("val", config.val_fraction, val), ("test", config.test_fraction, test)):
        if fraction > 0 and size == 0:
            raise UserError(f"data.{key}_fraction must be 0 or give at least one of {number} images, got {fraction}")
    if val + test >= number:
        both = config.val_fraction + config.test_fraction
        raise UserError(f"data.val_fraction + data.test_fraction must leave one of {number} images, got {both}")
    return val, test
