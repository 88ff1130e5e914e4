"""Files that torchvision downloads, in torchvision's layout."""

from __future__ import annotations

from pathlib import Path

from vae_exp.errors import UserError

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def fetch(name: str, root: Path) -> Path:
    """Return the folder of the raw files of torchvision's data set `name`."""
    raw = root / name / "raw"
    if not all((raw / file).is_file() for file in FILES):
        raise UserError(f"{raw} has no {name}; put the files there, or take data=mnist_5k, which needs none")
    return raw
