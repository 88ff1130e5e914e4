"""What the arrays of a file are, by their names: `train_images`, `y_test`, `imgs`."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vae_exp.data.own_splits import NAMES
from vae_exp.errors import UserError, short

log = logging.getLogger(__name__)

KINDS = {"images": "images", "imgs": "images", "x": "images", "labels": "labels", "y": "labels"}
"""What arrays are called, in small letters and beside the name of their split, and what they hold."""


def arrays_by_split(names: Sequence[str], where: str) -> dict[str, dict[str, str]]:
    """Return the name of each split's `images` and `labels`; all are `train` where no name says a split.

    A file's only array is its images. Others whose names mean nothing here are left out, and the log names them.
    Raises UserError where there are no images to train on, or two names mean the same.
    """
    if len(names) == 1:
        return {"train": {"images": names[0]}}
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if (meaning := _meaning(name)) is None:
            log.info("%s: %s is left out", where, short(name))
            continue
        split, kind = meaning
        if kind in (same := found.setdefault(split, {})):
            raise UserError(f"{where} must name each split's {kind} once, got {short(same[kind])} and {short(name)}")
        same[kind] = name
    for kinds in found.values():
        if "images" not in kinds:
            raise UserError(f"{where} must hold images for {short(kinds['labels'])}, got {short(list(names))}")
    if "" in found and len(found) > 1:
        raise UserError(f"{where} must name the split of all its images or of none, got {short(list(names))}")
    if not found.keys() & {"", "train"}:
        rule = "an array called images, imgs or x, or those of splits: train_images, x_train"
        raise UserError(f"{where} must hold {rule}; got {short(list(names))}")
    return {split or "train": kinds for split, kinds in found.items()}


def _meaning(name: str) -> tuple[str, str] | None:
    """Return split (empty where the name says none) and kind of an array."""
    words = name.lower().split("_")
    kinds = [word for word in words if word in KINDS]
    splits = [word for word in words if word in NAMES]
    if len(kinds) != 1 or len(kinds) + len(splits) != len(words) or len(splits) > 1:
        return None
    return NAMES[splits[0]] if splits else "", KINDS[kinds[0]]
