"""The user's own folder of images: `data=images`."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from vae_exp.config import ImagesConfig
from vae_exp.data.decoding import read_images
from vae_exp.data.folders import root_folder
from vae_exp.data.image_files import find_images
from vae_exp.data.own_splits import fill_splits, split_names
from vae_exp.data.splits import Labels, Splits
from vae_exp.errors import UserError
from vae_exp.registry import implements


@implements(ImagesConfig)
def images(config: ImagesConfig) -> Splits:
    """Return the PNG and JPEG files below `data.root`, in the splits that its folders name and `fill_splits` fills up.

    Subfolders of a split are its labels, in alphabetical order. Raises UserError when the folder, a file or a fraction
    is invalid.
    """
    if config.root is None:
        raise UserError("data.root must be a folder of PNG or JPEG files, got None")
    folder = root_folder(config.root)
    files = find_images(folder)
    paths = [path.relative_to(folder) for path in files]
    splits = _splits(paths, folder)
    depth = 0 if splits is None else 1
    labels, classes = _labels([Path(*path.parts[depth:]) for path in paths], folder)
    pixels = read_images(list(map(str, files)), files.__getitem__, config.shape, config.channels)
    given = {
        name: (pixels[part], None if labels is None else labels[part])
        for name, part in (splits or {"train": slice(None)}).items()
    }
    return fill_splits(given, config, classes)


def _splits(paths: list[Path], folder: Path) -> dict[str, slice] | None:
    """Return the range of each split's images among the sorted paths; None unless the folders are named like splits."""
    tops = [path.parts[0] if len(path.parts) > 1 else "" for path in paths]
    names = split_names(set(tops), str(folder))
    if names is None:
        return None
    numbers = {names[top]: len(list(same)) for top, same in itertools.groupby(tops)}
    ends = dict(zip(numbers, itertools.accumulate(numbers.values()), strict=True))
    return {name: slice(end - numbers[name], end) for name, end in ends.items()}


def _labels(paths: list[Path], folder: Path) -> tuple[Labels, tuple[str, ...]] | tuple[None, None]:
    nested = [len(path.parts) > 1 for path in paths]
    if not any(nested):
        return None, None
    if not all(nested):
        stray = paths[nested.index(False)]
        raise UserError(f"{folder} must hold images either in subfolders or directly, got both: {stray} is in none")
    classes, labels = np.unique([path.parts[0] for path in paths], return_inverse=True)
    return labels, tuple(classes.tolist())
