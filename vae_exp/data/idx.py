"""Read idx files, the format of MNIST (LeCun et al. 1998), with checks; find or download them."""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vae_exp.data.download import Source, fetch, find_or_download, gunzip
from vae_exp.errors import UserError, one_line

BYTES, INTEGERS = 0x08, 0x0C
"""Type codes of an idx file."""
_TYPES: dict[int, np.dtype[Any]] = {BYTES: np.dtype(np.uint8), INTEGERS: np.dtype(">i4")}


@dataclass(frozen=True)
class Idx:
    """The required content of an idx file."""

    shape: tuple[int, ...]
    kind: int = BYTES

    @property
    def header(self) -> bytes:
        """Return the header: the magic number, and the length of each axis."""
        return struct.pack(f">BBBB{len(self.shape)}I", 0, 0, self.kind, len(self.shape), *self.shape)

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return len(self.header) + math.prod(self.shape) * _TYPES[self.kind].itemsize

    @property
    def largest_gzip(self) -> int:
        """Return the largest size of its `.gz` file in bytes, if gzip can't compress it."""
        return self.size + self.size // 1000 + 1024


def read_idx(path: Path, idx: Idx) -> NDArray[Any]:
    """Return the array of an idx file, or of the `.gz` file in its place.

    The header, and the size of a file that isn't compressed, are checked before anything is allocated. Raises
    UserError, naming the file.
    """
    packed = path.with_name(f"{path.name}.gz")
    path = path if path.exists() or not packed.is_file() else packed
    try:
        with _opened(path) as file:
            found = file.read(len(idx.header))
            _check(path, "magic number", idx.header[:4].hex(), found[:4].hex())
            lengths = [int.from_bytes(found[i : i + 4], "big") for i in range(4, len(found), 4)]
            _check(path, "shape", list(idx.shape), lengths)
            if path != packed:
                _check(path, "size in bytes", idx.size, path.stat().st_size)
            content = file.read(idx.size - len(found))
            _check(path, "size in bytes", idx.size, len(found) + len(content) + len(file.read(1)))
            return np.frombuffer(content, _TYPES[idx.kind]).reshape(idx.shape)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with path.open("rb") as file:
        if path.suffix == ".gz":
            with gzip.open(file) as unpacked:
                yield unpacked
        else:
            yield file


def _check(path: Path, what: str, expected: object, found: object) -> None:
    if found != expected:
        raise UserError(
            f"{path} is damaged: its {what} must be {expected}, got {found}; delete it to download it again"
        )


def find_idx_files(
    name: str, root: Path, needed: Mapping[str, Idx], mirrors: Sequence[str], resources: Sequence[tuple[str, str]]
) -> Path:
    """Return the folder of a data set's idx files: `root`/name/raw, as torchvision has it, or `root` itself.

    Missing files are downloaded. `resources` are torchvision's: addresses, relative to the mirrors if there are any,
    and MD5 checksums of the `.gz` files. Raises UserError.
    """
    known = {address.rsplit("/", 1)[-1].removesuffix(".gz"): (address, md5) for address, md5 in resources}

    def download(missing: list[str], folder: Path) -> None:
        for file in missing:
            address, md5 = known[file]
            packed = folder / f"{file}.gz"
            urls = [mirror + address for mirror in mirrors] or [address]
            fetch(Source(urls, md5, needed[file].largest_gzip), packed)
            gunzip(packed, folder / file, needed[file].size)
            packed.unlink()

    return find_or_download(name, [root / name / "raw", root, root / "raw"], list(needed), download)
