"""The splits of the user's own data: those that it names, and those that are taken from its training images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vae_exp.config import OwnDataConfig
from vae_exp.data.splits import Labels, Pixels, Splits, assemble, stratified_split
from vae_exp.errors import UserError

NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Names of splits in data, in lower case, and the names used here."""


def split_names(found: Iterable[str], where: str) -> dict[str, str] | None:
    """Return the split of each name; None unless all are names of splits and `train` is among them.

    Raises UserError when two names mean the same split.
    """
    names = {name: NAMES.get(name.lower(), "") for name in found}
    if not all(names.values()) or "train" not in names.values():
        return None
    for split in set(names.values()):
        twins = sorted(name for name in names if names[name] == split)
        if len(twins) > 1:
            raise UserError(f"{where} must name the {split} split once, got {', '.join(twins)}")
    return names


def fill_splits(
    given: Mapping[str, tuple[Pixels, Labels | None]], config: OwnDataConfig, classes: tuple[str, ...] | None
) -> Splits:
    """Return the data set of the given splits, which must include `train`.

    A missing `val` or `test` split gets the share `val_fraction` or `test_fraction` of the training images. Raises
    UserError when that leaves a split empty.
    """
    images, labels = given["train"]
    val = 0 if "val" in given else _size(len(images), "val", config.val_fraction)
    test = 0 if "test" in given else _size(len(images), "test", config.test_fraction)
    if val + test >= len(images):
        both = config.val_fraction + config.test_fraction
        raise UserError(
            f"data.val_fraction + data.test_fraction must leave a training image of {len(images)}, got {both}"
        )
    *held_out, train = stratified_split(images, labels, val, test)
    found = {name: split for name, split in zip(("val", "test"), held_out, strict=True) if len(split.images)}
    found |= {name: stratified_split(*given[name])[0] for name in given if name != "train"}
    return assemble(train, found.get("val"), found.get("test"), classes)


def _size(number: int, name: str, fraction: float) -> int:
    """Return the number of training images for a split."""
    size = round(number * fraction)
    if fraction > 0 and size == 0:
        raise UserError(f"data.{name}_fraction must be 0 or give at least one of {number} images, got {fraction}")
    return size
