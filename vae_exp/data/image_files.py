"""Find PNG and JPEG files below a folder, which may be untrusted."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import NoReturn

from vae_exp.errors import UserError, one_line

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg")
_SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""System files of macOS and Windows, besides hidden files."""


def find_images(folder: Path) -> list[Path]:
    """Return the PNG and JPEG files below a folder, sorted by their path within it.

    Hidden entries and files of the operating system are ignored; other files that are not images are logged. Raises
    UserError when the folder is missing or empty, can't be read, or holds links out of it, links to folders, or names
    with control characters.
    """
    found = sorted(_walk(folder), key=lambda path: path.relative_to(folder).as_posix())
    images: list[Path] = []
    others: list[Path] = []
    for path in found:
        (images if path.suffix.lower() in SUFFIXES else others).append(path)
    if not images:
        raise UserError(f"data.root must hold PNG or JPEG files, found none among the {len(found)} files of {folder}")
    if others:
        log.warning("%s: %d files are neither PNG nor JPEG and are left out, first %s", folder, len(others), others[0])
    return images


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
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, before Python 3.13
        raise UserError(f"data.root can't be read: {one_line(error)}") from None


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name not in _SYSTEM_FILES


def _check(path: Path, inside: Path) -> None:
    if not path.name.isprintable():
        _refuse(path, "must have a name of printable characters")
    if path.is_symlink() and (path.is_dir() or not path.resolve().is_relative_to(inside)):
        _refuse(path, "is a link to a folder or out of data.root, which is not followed; copy the images there")
    if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
        _refuse(path, "must be a file or a folder")


def _raise(error: OSError) -> NoReturn:
    raise error


def _refuse(path: Path, why: str) -> NoReturn:
    shown = str(path) if str(path).isprintable() else ascii(str(path))
    raise UserError(f"{shown} {why}")
