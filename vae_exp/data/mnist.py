"""MNIST, Fashion-MNIST and Kuzushiji-MNIST: `data=mnist`, `fashion_mnist`, `kmnist`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_exp.config import FashionMnistConfig, KmnistConfig, MnistConfig, TorchvisionConfig
from vae_exp.data.download import fetch
from vae_exp.data.folders import root_folder
from vae_exp.data.idx import read_idx
from vae_exp.data.splits import DIGITS, Splits, assemble, stratified_split
from vae_exp.errors import UserError
from vae_exp.registry import implements

CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SYLLABLES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
TRAIN, TEST, SIDE = 60_000, 10_000, 28


@implements(MnistConfig)
def mnist(config: MnistConfig) -> Splits:
    """Return MNIST: 60,000 training digits, `val_size` of them held out, and 10,000 to test."""
    return _load(config, "MNIST", DIGITS)


@implements(FashionMnistConfig)
def fashion_mnist(config: FashionMnistConfig) -> Splits:
    """Return Fashion-MNIST, in the form of MNIST."""
    return _load(config, "FashionMNIST", CLOTHES)


@implements(KmnistConfig)
def kmnist(config: KmnistConfig) -> Splits:
    """Return Kuzushiji-MNIST, in the form of MNIST."""
    return _load(config, "KMNIST", SYLLABLES)


def _load(config: TorchvisionConfig, torchvision_name: str, classes: tuple[str, ...]) -> Splits:
    if config.val_size >= TRAIN:
        raise UserError(f"data.val_size must be below {TRAIN}, the number of training images, got {config.val_size}")
    raw = fetch(torchvision_name, root_folder(config.root))
    images, labels = _read(raw, "train", TRAIN, len(classes))
    (test,) = stratified_split(*_read(raw, "t10k", TEST, len(classes)))
    if config.val_size == 0:
        return assemble(stratified_split(images, labels)[0], None, test, classes)
    val, train = stratified_split(images, labels, config.val_size)
    return assemble(train, val, test, classes)


def _read(raw: Path, part: str, number: int, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    path = raw / f"{part}-labels-idx1-ubyte"
    labels = read_idx(path, number)
    if labels.max() >= classes:
        raise UserError(f"{path} is damaged: its labels must be below {classes}, got {labels.max()}")
    return read_idx(raw / f"{part}-images-idx3-ubyte", number, SIDE, SIDE)[:, None], labels
