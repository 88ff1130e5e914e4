"""CIFAR-10 (Krizhevsky 2009): `data=cifar10`. The binary version, since the Python version is pickled."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np

from vae_exp.config import Cifar10Config
from vae_exp.data.download import Source, fetch, find_or_download, read_exactly
from vae_exp.data.folders import root_folder
from vae_exp.data.held_out import hold_out, require_classes, require_val_size
from vae_exp.data.splits import Labels, Pixels, Splits
from vae_exp.errors import UserError, one_line
from vae_exp.registry import implements

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-bin"
FILES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
"""Five files of training images, and one of test images."""
NUMBER, SHAPE = 10_000, (3, 32, 32)
SIZE = NUMBER * (1 + 3 * 32 * 32)
"""Bytes of each file: a label and the pixels of each image."""
ARCHIVE = Source(
    ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"], "c32a1d4ab5d03f1284b67883e8d87530", 200_000_000
)
"""The archive and its checksum from its web page; torchvision has those of the pickles."""


@implements(Cifar10Config)
def cifar10(config: Cifar10Config) -> Splits:
    """Return CIFAR-10: 50,000 colour images of 32×32 to train, `val_size` of them held out, and 10,000 to test."""
    require_val_size(config, NUMBER * (len(FILES) - 1))
    root = root_folder(config.root)
    folder = find_or_download("CIFAR-10", [root / FOLDER, root], FILES, _download)
    *train, test = (_read(folder / file) for file in FILES)
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return hold_out(config, (images, labels), test, CLASSES)


def _read(path: Path) -> tuple[Pixels, Labels]:
    try:
        with path.open("rb") as file:
            content = read_exactly(file, SIZE)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {one_line(error)}; delete it to download it again") from None
    rows = np.frombuffer(content, np.uint8).reshape(NUMBER, -1)
    require_classes(path, rows[:, 0], len(CLASSES))
    return rows[:, 1:].reshape(NUMBER, *SHAPE), rows[:, 0]


def _download(_missing: list[str], folder: Path) -> None:
    archive = folder / "cifar-10-binary.tar.gz"
    fetch(ARCHIVE, archive)
    with tarfile.open(archive, "r|gz") as packed:
        for member in packed:
            name = Path(member.name).name
            if name in FILES and member.isfile() and member.size == SIZE and (source := packed.extractfile(member)):
                (folder / name).write_bytes(read_exactly(source, SIZE))
    archive.unlink()
