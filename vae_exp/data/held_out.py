"""Hold validation images out of the training images of public data sets."""

from __future__ import annotations

from pathlib import Path

from vae_exp.config import HeldOutConfig
from vae_exp.data.splits import Labels, Pixels, Splits, assemble, stratified_split
from vae_exp.errors import UserError


def require_val_size(config: HeldOutConfig, train: int) -> None:
    """Raise UserError unless `data.val_size` leaves training images. Called before anything is downloaded."""
    if config.val_size >= train:
        raise UserError(f"data.val_size must be below {train}, the number of training images, got {config.val_size}")


def require_classes(path: Path, labels: Labels, classes: int) -> None:
    """Raise UserError when a label of a file is too large for its classes."""
    if labels.max() >= classes or labels.min() < 0:
        wrong = labels.max() if labels.max() >= classes else labels.min()
        raise UserError(f"{path} is damaged: its labels must be below {classes}, got {wrong}")


def hold_out(
    config: HeldOutConfig, train: tuple[Pixels, Labels], test: tuple[Pixels, Labels], classes: tuple[str, ...]
) -> Splits:
    """Return the data set with `val_size` of its training images held out, stratified."""
    (test_split,) = stratified_split(*test)
    if config.val_size == 0:
        return assemble(stratified_split(*train)[0], None, test_split, classes)
    val, rest = stratified_split(*train, config.val_size)
    return assemble(rest, val, test_split, classes)
