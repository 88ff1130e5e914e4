"""scikit-learn's digits of 8×8 pixels: `data=digits`."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_exp.config import DigitsConfig
from vae_exp.data.splits import DIGITS, Splits, assemble, stratified_split
from vae_exp.registry import implements

FILE = "datasets/data/digits.csv.gz"
"""scikit-learn's file of the digits: 1,797 lines of 64 grey levels from 0 to 16 and the digit."""


@implements(DigitsConfig)
def digits(config: DigitsConfig) -> Splits:
    """Return 1,257 digits to train, 180 to validate and 360 to test; their 17 grey levels become 0 to 255."""
    table = read_table()
    images = np.rint(table[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    train, val, test = stratified_split(images, table[:, -1], 1257, 180)
    return assemble(train, val, test, DIGITS)


def read_table() -> NDArray[np.int64]:
    """Return (1797, 65): the grey levels of each digit, and which digit it is.

    The file is read from scikit-learn's folder without importing scikit-learn, which takes longer than a short run.
    """
    spec = find_spec("sklearn")
    assert spec is not None, "scikit-learn is a dependency"
    assert spec.submodule_search_locations is not None
    with gzip.open(Path(spec.submodule_search_locations[0]) / FILE) as file:
        return np.loadtxt(file, dtype=np.int64, delimiter=",")
