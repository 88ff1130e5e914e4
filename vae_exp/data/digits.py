"""scikit-learn's digits of 8×8 pixels: `data=digits`."""

from __future__ import annotations

import numpy as np

from vae_exp.config import DigitsConfig
from vae_exp.data.splits import DIGITS, Splits, assemble, stratified_split
from vae_exp.registry import implements


@implements(DigitsConfig)
def digits(config: DigitsConfig) -> Splits:
    """Return 1,257 digits to train, 180 to validate and 360 to test; their 17 grey levels become 0 to 255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    train, val, test = stratified_split(images, bunch.target, 1257, 180)
    return assemble(train, val, test, DIGITS)
