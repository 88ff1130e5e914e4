"""PNG and JPEG files, found below a folder and checked as they are read: they may be anybody's."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image, ImageOps

from vae_exp.data.memory import require_memory
from vae_exp.data.splits import Pixels
from vae_exp.errors import UserError, one_line, printable

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}  # Pillow's modes, and what they become
_KINDS = {1: "grey", 3: "colour"}  # by number of channels
_NAMES = {1: "L", 3: "RGB"}
_CONVERT = "set data.channels=1 for grey or 3 for colour to convert all images, transparent pixels to white"
_RUBBISH = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What macOS and Windows leave behind, beside hidden files."""


def find_images(folder: Path) -> list[Path]:
    """Return the PNG and JPEG files below a folder, sorted by their path within it.

    Hidden entries and what an operating system leaves behind are no data; the log tells of other files that are no
    images. Raises UserError when the folder is missing or empty, can't be read, or holds links that lead out of it,
    links to folders, or names with control characters.
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


def read_images(paths: list[Path], size: tuple[int, int], channels: int | None = None) -> Pixels:
    """Return the images stretched to this height and width: (N, C, H, W).

    All become grey with `channels` 1 and colour with 3; with None they must all be grey or all be colour, without
    transparency. Raises UserError, naming the file, for an image that is damaged, of another kind than the first, has
    16 bits, or is larger than Pillow's limit of 89 million pixels, which is checked before it is decoded.
    """
    depth = len(read_image(paths[0], (1, 1), channels)[0])
    needed = 2 * len(paths) * depth * size[0] * size[1]  # they are copied once into their splits
    require_memory(needed, f"{len(paths)} images of {size[0]}×{size[1]} pixels (data.size, data.width)")
    images = np.empty((len(paths), depth, *size), np.uint8)
    for i, path in enumerate(paths):
        image, damage = read_image(path, size, channels)
        if damage:
            log.warning("%s: its pixels are whole and taken, its metadata is damaged: %s", path, damage)
        if len(image) != depth:
            kinds = f"{_KINDS[len(image)]}, but {paths[0]} is {_KINDS[depth]}"
            _refuse(path, f"is {kinds}; {_CONVERT}")
        images[i] = image
    return images


def read_image(path: Path, size: tuple[int, int], channels: int | None = None) -> tuple[Pixels, str | None]:
    """Return an image (C, H, W), upright and stretched to this height and width, and what its metadata suffers from."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)  # metadata that Pillow can't read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                if any("16" in str(tile.args) for tile in image.tile):  # Pillow would cut RGB to 8 bits
                    _refuse(path, "has 16 bits a channel, which are not read; convert it to 8 bits first")
                image.load()
                pixels = _stretched(_in_channels(_upright(image), path, channels), size)
    except UserError:
        raise
    except Exception as error:  # What Pillow raises for damaged files is no closed list: SyntaxError, struct.error …
        _refuse(path, f"can't be read as PNG or JPEG: {one_line(error) or type(error).__name__}")
    return pixels, printable(str(caught[0].message)) if caught else None


def _upright(image: Image.Image) -> Image.Image:
    """Return the image as its EXIF turns it; as it lies, with a warning, where the EXIF is damaged."""
    try:
        Image.Exif().load(image.info.get("exif", b""))  # raises again what Pillow ignored when it opened a JPEG
        return ImageOps.exif_transpose(image)
    except Exception as error:
        warnings.warn(f"its EXIF can't be read ({one_line(error) or type(error).__name__})", stacklevel=2)
        return image


def _in_channels(image: Image.Image, path: Path, channels: int | None) -> Image.Image:
    """Return the image in grey or in colour; refuse one that only `data.channels` allows to convert."""
    if channels is None and image.has_transparency_data:
        _refuse(path, f"has transparent pixels; {_CONVERT}")
    if channels is None and image.mode not in _MODES:
        _refuse(path, f"must be grey or RGB, got Pillow's mode {image.mode}; {_CONVERT}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(_MODES[image.mode] if channels is None else _NAMES[channels])


def _stretched(image: Image.Image, size: tuple[int, int]) -> Pixels:
    pixels = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _walk(folder: Path) -> list[Path]:
    try:
        if not folder.is_dir():
            raise UserError(f"data.root must be a folder that exists, got {str(folder)!r}")
        inside = folder.resolve()
        found = []
        for parent, folders, names in os.walk(folder, onerror=_raise):
            folders[:], names = (list(filter(_is_data, entries)) for entries in (folders, names))
            for name in folders + names:
                _check(Path(parent, name), inside)
            found += [Path(parent, name) for name in names]
        return found
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself, before Python 3.13
        raise UserError(f"data.root can't be read: {one_line(error)}") from None


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name not in _RUBBISH


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
