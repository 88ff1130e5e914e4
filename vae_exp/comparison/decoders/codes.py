"""The codes of a run as data for the page: posterior means, KL of each dimension, and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vae_exp.comparison.decoders.packing import pack, pack_labels
from vae_exp.errors import UserError, printable
from vae_exp.figures.colours import PALETTES
from vae_exp.storage.checkpoint import Arrays

MOST_IMAGES = 2000
"""As many as a run keeps."""
MOST_NAMED, LONGEST_NAME = 100, 40
"""Labels that the page names, and characters of a name."""
COLOURED = 20
"""Number of labels that ten colours and two shapes can distinguish (see `figures.palette`)."""
ACTIVE = 0.01
"""Variance of its means above which a latent dimension is active (see `measures.latent`)."""


def codes(arrays: Arrays, state: dict[str, Any], latent_dim: int, palette: str) -> dict[str, Any]:
    """Return the codes for the page; raise UserError when they don't have this number of dimensions."""
    means = _means(arrays, latent_dim)
    packed, factors = pack([means])
    variance = means.astype(np.float64).var(0)
    used = [int(d) for d in np.argsort(-variance, kind="stable")]
    return {
        "split": printable(state["split"])[:LONGEST_NAME],
        "means": packed,
        "factor": factors[0],
        "count": len(means),
        "dimensions": latent_dim,
        "used": used,
        "active": int((variance > ACTIVE).sum()),
    } | _labelled(arrays.get("labels"), len(means), state.get("classes"), palette)


def _means(arrays: Arrays, latent_dim: int) -> NDArray[np.float32]:
    means = arrays.get("mean")
    if means is None or means.dtype != np.float32 or means.ndim != 2 or means.shape[1] != latent_dim:
        raise UserError(f"the codes are not of {latent_dim} dimensions")
    if not 1 <= len(means) <= MOST_IMAGES or not np.isfinite(means).all():
        raise UserError(f"the codes must be of 1 to {MOST_IMAGES:,} images, and finite")
    return means


def _labelled(labels: NDArray[Any] | None, count: int, classes: list[str] | None, palette: str) -> dict[str, Any]:
    """Return labels, their names and colours; empty without labels, or with too many."""
    if labels is None:
        return {}
    if labels.dtype != np.int64 or labels.shape != (count,) or labels.min() < 0:
        raise UserError("the labels are not one number for each code, 0 or above")
    number = len(classes) if classes else int(labels.max()) + 1
    if labels.max() >= number:
        raise UserError(f"the labels are not below {number}, the number of their names")
    if number > MOST_NAMED:
        return {}
    names = [printable(name)[:LONGEST_NAME] for name in classes or map(str, range(number))]
    ten = PALETTES[palette]
    colours = [ten[i % len(ten)] for i in range(number)] if number <= COLOURED else []
    return {"labels": pack_labels(labels), "names": names, "colours": colours}
