"""EMNIST, letters and digits in the format of MNIST: `data=emnist`."""

from __future__ import annotations

import shutil
import string
import zipfile
from pathlib import Path

from vae_exp.config import EmnistConfig
from vae_exp.data.download import Source, fetch, find_or_download
from vae_exp.data.folders import root_folder
from vae_exp.data.held_out import hold_out, require_classes, require_val_size
from vae_exp.data.idx import Idx, read_idx
from vae_exp.data.splits import DIGITS, Labels, Pixels, Splits
from vae_exp.registry import implements

ALL = tuple(string.digits + string.ascii_letters[26:] + string.ascii_letters[:26])
MERGED = tuple(name for name in ALL if name not in "cijklmopsuvwxyz")
"""Class names with small letters merged into the capitals that look like them."""
SPLITS = {
    "byclass": (697_932, 116_323, ALL),
    "bymerge": (697_932, 116_323, MERGED),
    "balanced": (112_800, 18_800, MERGED),
    "letters": (124_800, 20_800, tuple(string.ascii_lowercase)),
    "digits": (240_000, 40_000, DIGITS),
    "mnist": (60_000, 10_000, DIGITS),
}
"""Training images, test images and class names of each of EMNIST's splits."""
LARGEST = 2**30
"""Largest size of the archive of all splits in bytes; it has 562 million."""


@implements(EmnistConfig)
def emnist(config: EmnistConfig) -> Splits:
    """Return one of EMNIST's splits, its images upright: they are transposed in the files."""
    train, test, classes = SPLITS[config.split]
    require_val_size(config, train)
    files = {f"emnist-{config.split}-{part}-{kind}" for part in ("train", "test") for kind in _idx(0)}
    root = root_folder(config.root)
    raw = find_or_download("EMNIST", [root / "EMNIST" / "raw", root, root / "raw"], sorted(files), _download)
    train_part, test_part = (_read(raw, part, number, config) for part, number in (("train", train), ("test", test)))
    return hold_out(config, train_part, test_part, classes)


def _idx(number: int) -> dict[str, Idx]:
    return {"images-idx3-ubyte": Idx((number, 28, 28)), "labels-idx1-ubyte": Idx((number,))}


def _read(raw: Path, part: str, number: int, config: EmnistConfig) -> tuple[Pixels, Labels]:
    name = f"emnist-{config.split}-{part}"
    images, labels = (read_idx(raw / f"{name}-{kind}", idx) for kind, idx in _idx(number).items())
    if config.split == "letters":  # their labels start at 1
        labels = labels - 1
    require_classes(raw / f"{name}-labels-idx1-ubyte", labels, len(SPLITS[config.split][2]))
    return images.transpose(0, 2, 1)[:, None], labels


def _download(_missing: list[str], folder: Path) -> None:
    """Download the archive of all splits and extract its `.gz` files, which can be read directly."""
    import torchvision.datasets

    known = torchvision.datasets.EMNIST
    archive = folder / "gzip.zip"
    fetch(Source([known.url], known.md5, LARGEST), archive)
    wanted = {
        f"emnist-{split}-{part}-{kind}.gz": idx.largest_gzip
        for split, (train, test, _) in SPLITS.items()
        for part, number in (("train", train), ("test", test))
        for kind, idx in _idx(number).items()
    }
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            name = Path(entry.filename).name
            if entry.file_size <= wanted.get(name, -1):
                with packed.open(entry) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    archive.unlink()
