"""The images that both sides of the comparison train on, in torchvision's layout."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_exp import data
from vae_exp.config import Mnist5kConfig

RAW = Path("MNIST") / "raw"


def full_mnist(root: str | None) -> Path | None:
    """Return the folder that holds all of MNIST, `root` or else VAE_EXP_DATA; None if neither does."""
    for folder in filter(None, (root, os.environ.get("VAE_EXP_DATA"))):
        if (Path(folder) / RAW / "train-images-idx3-ubyte").is_file():
            return Path(folder).absolute()
    return None


def write_mnist_5k(root: Path) -> Path:
    """Write the training and test images of the embedded digits as MNIST's files; return their root."""
    splits = data.load(Mnist5kConfig())
    (root / RAW).mkdir(parents=True)
    for part, split in (("train", splits.train), ("t10k", splits.test)):
        assert split is not None
        assert split.labels is not None
        _write_idx(root / RAW / f"{part}-images-idx3-ubyte", split.images[:, 0].numpy())
        _write_idx(root / RAW / f"{part}-labels-idx1-ubyte", split.labels.numpy().astype(np.uint8))
    return root


def _write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an idx file: type, number of axes, their lengths as big-endian integers, bytes."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    path.write_bytes(header + array.tobytes())
