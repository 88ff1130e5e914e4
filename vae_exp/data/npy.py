"""Read arrays of `.npz` and `.npy` files, which may be untrusted: first the headers, then the requested arrays.

Nothing is ever unpickled, and other arrays are not opened.
"""

from __future__ import annotations

import contextlib
import math
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from vae_exp.errors import UserError, one_line, printable

KINDS = "buifUS"
"""Supported kinds of NumPy's types: booleans, integers, floats, text."""
_HEADERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}
_SUFFIX = ".npy"
_CHUNK = 2**20  # bytes that are decompressed at a time


@dataclass(frozen=True)
class Header:
    """The header of an array."""

    where: str
    """The file, with the array's name if the file holds several."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    """Whether the first axis varies fastest."""

    @property
    def nbytes(self) -> int:
        """Return the size of the array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of a `.npz` or `.npy` file; raise UserError when it is damaged."""
    if path.suffix != ".npz":
        return [path.stem]
    with _reading(str(path)), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(_SUFFIX) for name in archive.namelist() if name.endswith(_SUFFIX)]


def read_header(path: Path, name: str) -> Header:
    """Return an array's header; raise UserError, naming the array, when it is damaged or has Python objects."""
    with _opened(path, name) as (where, file, size):
        return _header(where, file, size)


def read_array(path: Path, name: str) -> NDArray[Any]:
    """Return an array; raise UserError unless it has the length of its header. The caller checks the memory first."""
    with _opened(path, name) as (where, file, size):
        header = _header(where, file, size)
        flat = np.empty(math.prod(header.shape), header.dtype)
        room = flat.view(np.uint8).data if flat.nbytes else memoryview(b"")
        done = 0
        while done < len(room):
            content = file.read(min(_CHUNK, len(room) - done))
            if not content:
                raise ValueError(f"it ends after {done} of {len(room)} bytes")
            room[done : done + len(content)] = content
            done += len(content)
        if file.read(1):  # at its end, a `.npz` file compares checksums
            raise ValueError(f"it has more than {len(room)} bytes")
        return flat.reshape(header.shape, order="F" if header.is_fortran else "C")


@contextlib.contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[str, IO[bytes], int]]:
    """Yield an array's full name, a file of its bytes, header included, and their number."""
    if path.suffix != ".npz":
        with _reading(str(path)), path.open("rb") as file:
            yield str(path), file, path.stat().st_size
        return
    where = f"{path}: {printable(name)}"
    with _reading(where), zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(name + _SUFFIX)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("its compression is not one of NumPy's")
        with archive.open(entry) as file:
            yield where, file, entry.file_size


def _header(where: str, file: IO[bytes], size: int) -> Header:
    """Read and check the header."""
    version = npy_format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format version {version} is not known")
    shape, is_fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise UserError(f"{where} must hold numbers or text, got Python objects, which are never unpickled")
    if dtype.kind not in KINDS or dtype.subdtype is not None:
        raise UserError(f"{where} must hold booleans, integers, floats or text, got {dtype}")
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape {shape} has a negative length")
    header = Header(where, shape, dtype, is_fortran)
    if header.nbytes != (held := size - file.tell()):
        raise ValueError(f"its header declares {header.nbytes} bytes, it has {held}")
    return header


@contextlib.contextmanager
def _reading(where: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that Python 2 wrote
            yield
    except UserError:
        raise
    except Exception as error:  # What zipfile, zlib and NumPy raise for damaged files is not documented.
        raise UserError(f"{where} can't be read: {one_line(error) or type(error).__name__}") from None
