"""A stranger's PNG and JPEG files, found and read with suspicion."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from pathlib import Path
from typing import NoReturn

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vae_exp.errors import UserError, one_line

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}  # Pillow's modes, and what they become
_KINDS = {1: "grey", 3: "colour"}  # by number of channels


def find_images(folder: Path) -> list[Path]:
    """Return the PNG and JPEG files below a folder, sorted by their path within it.

    The log tells of files that are neither. Raises UserError when the folder is missing or empty, can't be read, or
    holds links that lead out of it, links to folders, or names with control characters.
    """
    found = sorted(_walk(folder), key=lambda path: path.relative_to(folder).as_posix())
    images: list[Path] = []
    others: list[Path] = []
    for path in found:
        (images if path.suffix.lower() in SUFFIXES else others).append(path)
    if not images:
        raise UserError(f"data.root must hold PNG or JPEG files, found none among the {len(found)} files of {folder}")
    if others:
        log.warning("%s: %d files are neither PNG nor JPEG and left out, first %s", folder, len(others), others[0])
    return images


def read_images(paths: list[Path], size: int) -> NDArray[np.uint8]:
    """Return the images (N, C, size, size), all grey (C = 1) or all colour (C = 3), whatever their shapes were.

    Raises UserError, naming the file, for an image that is damaged, of another kind than the first, has an alpha
    channel, or is larger than Pillow's limit of 89 million pixels, which is checked before it is decoded.
    """
    channels = len(read_image(paths[0], size=1))
    needed, free = 2 * len(paths) * channels * size**2, psutil.virtual_memory().available
    if needed > free:
        rule = f"so small that {len(paths)} images take less than the free memory ({free} bytes)"
        raise UserError(f"data.size must be {rule}, got {size}")
    images = np.empty((len(paths), channels, size, size), np.uint8)
    for i, path in enumerate(paths):
        image = read_image(path, size)
        if len(image) != channels:
            kinds = f"{_KINDS[len(image)]}, but {paths[0]} is {_KINDS[channels]}"
            _refuse(path, f"is {kinds}; data.root must hold images of one kind")
        images[i] = image
    return images


def read_image(path: Path, size: int) -> NDArray[np.uint8]:
    """Return an image (C, size, size), upright, stretched to a square."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns of an image of too many pixels, and of metadata that it can't read.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("error", UserWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                return _square(image, path, size)
    except UserError:
        raise
    except Exception as error:  # What Pillow raises for damaged files is no closed list: SyntaxError, struct.error …
        _refuse(path, f"can't be read as PNG or JPEG: {one_line(error) or type(error).__name__}")


def _square(image: Image.Image, path: Path, size: int) -> NDArray[np.uint8]:
    if image.has_transparency_data:
        _refuse(path, "must have no alpha channel; lay it on a background first")
    if image.mode not in _MODES:
        _refuse(path, f"must be 8-bit grey or RGB, got Pillow's mode {image.mode}; convert it first")
    upright = ImageOps.exif_transpose(image).convert(_MODES[image.mode])
    pixels = np.asarray(upright.resize((size, size), Image.Resampling.BILINEAR))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _walk(folder: Path) -> list[Path]:
    try:
        if not folder.is_dir():
            raise UserError(f"data.root must be a folder that exists, got {str(folder)!r}")
        inside = folder.resolve()
        found = []
        for parent, folders, names in os.walk(folder, onerror=_raise):
            for name in folders + names:
                _check(Path(parent, name), inside)
            found += [Path(parent, name) for name in names]
        return found
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        raise UserError(f"data.root can't be read: {one_line(error)}") from None


def _check(path: Path, inside: Path) -> None:
    if not path.name.isprintable():
        _refuse(path, "must have a name of printable characters")
    if path.is_symlink() and (path.is_dir() or not path.resolve().is_relative_to(inside)):
        _refuse(path, "is a link to a folder or out of data.root, which is not followed; put the images there")
    if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
        _refuse(path, "must be a file or a folder")


def _raise(error: OSError) -> NoReturn:
    raise error


def _refuse(path: Path, why: str) -> NoReturn:
    shown = str(path) if str(path).isprintable() else ascii(str(path))
    raise UserError(f"{shown} {why}")
