"""MNIST and data sets in its format: `data=mnist`, `fashion_mnist`, `kmnist`, `qmnist`."""

from __future__ import annotations

from pathlib import Path

from vae_exp.config import FashionMnistConfig, HeldOutConfig, KmnistConfig, MnistConfig, QmnistConfig
from vae_exp.data.folders import root_folder
from vae_exp.data.held_out import hold_out, require_classes, require_val_size
from vae_exp.data.idx import INTEGERS, Idx, find_idx_files, read_idx
from vae_exp.data.splits import DIGITS, Labels, Pixels, Splits
from vae_exp.registry import implements

CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SYLLABLES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
TRAIN, TEST, SIDE = 60_000, 10_000, 28
FILES = {
    "train-images-idx3-ubyte": Idx((TRAIN, SIDE, SIDE)),
    "train-labels-idx1-ubyte": Idx((TRAIN,)),
    "t10k-images-idx3-ubyte": Idx((TEST, SIDE, SIDE)),
    "t10k-labels-idx1-ubyte": Idx((TEST,)),
}
"""MNIST's files: images and labels to train, images and labels to test."""
QMNIST_FILES = {
    "qmnist-train-images-idx3-ubyte": Idx((TRAIN, SIDE, SIDE)),
    "qmnist-train-labels-idx2-int": Idx((TRAIN, 8), INTEGERS),
    "qmnist-test-images-idx3-ubyte": Idx((TRAIN, SIDE, SIDE)),
    "qmnist-test-labels-idx2-int": Idx((TRAIN, 8), INTEGERS),
}
"""QMNIST's files. It has 60,000 test images too."""


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


@implements(QmnistConfig)
def qmnist(config: QmnistConfig) -> Splits:
    """Return QMNIST: the training digits of MNIST, reconstructed, and all 60,000 test digits."""
    import torchvision.datasets

    require_val_size(config, TRAIN)
    known = torchvision.datasets.QMNIST.resources
    raw = find_idx_files("QMNIST", root_folder(config.root), QMNIST_FILES, [], [*known["train"], *known["test"]])
    return _splits(config, raw, QMNIST_FILES, DIGITS)


def _load(config: HeldOutConfig, torchvision_name: str, classes: tuple[str, ...]) -> Splits:
    import torchvision.datasets  # importing torchvision takes a second

    require_val_size(config, TRAIN)
    known = getattr(torchvision.datasets, torchvision_name)
    raw = find_idx_files(torchvision_name, root_folder(config.root), FILES, known.mirrors, known.resources)
    return _splits(config, raw, FILES, classes)


def _splits(config: HeldOutConfig, raw: Path, files: dict[str, Idx], classes: tuple[str, ...]) -> Splits:
    train_images, train_labels, test_images, test_labels = (raw / file for file in files)
    return hold_out(
        config,
        _read(train_images, train_labels, files, len(classes)),
        _read(test_images, test_labels, files, len(classes)),
        classes,
    )


def _read(images: Path, labels: Path, files: dict[str, Idx], classes: int) -> tuple[Pixels, Labels]:
    """Return images and their labels; the first of several columns of labels is the class."""
    numbers = read_idx(labels, files[labels.name]).reshape(files[labels.name].shape[0], -1)[:, 0]
    require_classes(labels, numbers, classes)
    return read_idx(images, files[images.name])[:, None], numbers
