"""Interpret the names of a file's arrays: `train_images`, `y_test`, `imgs`."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vae_exp.data.own_splits import NAMES
from vae_exp.errors import UserError, short

log = logging.getLogger(__name__)

KINDS = {"images": "images", "imgs": "images", "x": "images", "labels": "labels", "y": "labels"}
"""The kind of an array by a word of its name, in lower case."""


def arrays_by_split(names: Sequence[str], where: str) -> dict[str, dict[str, str]]:
    """Return the names of each split's `images` and `labels`; without names of splits, all are `train`.

    A single array holds images. Arrays with unknown names are left out and logged. Raises UserError when there are no
    training images, or two names mean the same.
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
    """Return split (empty if the name has none) and kind of an array; None for an unknown name."""
    words = name.lower().split("_")
    kinds = [word for word in words if word in KINDS]
    splits = [word for word in words if word in NAMES]
    if len(kinds) != 1 or len(kinds) + len(splits) != len(words) or len(splits) > 1:
        return None
    return NAMES[splits[0]] if splits else "", KINDS[kinds[0]]
