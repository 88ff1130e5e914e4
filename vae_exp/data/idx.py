"""The idx files of MNIST and its like (LeCun et al. 1998), read with suspicion."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_exp.errors import UserError, one_line

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, *shape: int) -> NDArray[np.uint8]:
    """Return the unsigned bytes of an idx file, which must be of this shape.

    The header and the file's size are checked before anything is allocated. Raises UserError, naming the file.
    """
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, _UNSIGNED_BYTE, len(shape), *shape)
    expected = len(header) + int(np.prod(shape))
    try:
        with path.open("rb") as file:
            size, found = path.stat().st_size, file.read(len(header))
            _check(path, "magic number", header[:4].hex(), found[:4].hex())
            lengths = [int.from_bytes(found[i : i + 4], "big") for i in range(4, len(found), 4)]
            _check(path, "shape", list(shape), lengths)
            _check(path, "size in bytes", expected, size)
            return np.fromfile(file, np.uint8).reshape(shape)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None


def _check(path: Path, what: str, expected: object, found: object) -> None:
    if found != expected:
        raise UserError(
            f"{path} is damaged: its {what} must be {expected}, got {found}; delete it to download it again"
        )
