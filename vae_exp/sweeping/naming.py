"""Names of runs and their folders, from their overrides."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from vae_exp.config.identity import key_of

LONGEST_SLUG = 80
"""Characters of a folder's name before the hash of the identity."""


def label(overrides: Sequence[str], keys: Collection[str] | None = None) -> str:
    """Return the label of a run: `latent_dim=2, seed=0`; with `keys`, only the overrides of these.

    It may be the empty string.
    """
    return ", ".join(_short(text) for text in overrides if keys is None or key_of(text) in keys)


def folder_name(label: str, identity_hash: str) -> str:
    """Return the name of a job's folder: `latent_dim=2,seed=0_1a2b3c4d`."""
    slug = re.sub(r"[^A-Za-z0-9=._,+-]+", "-", label.replace(", ", ",")).strip("-.") or "run"
    return f"{slug[:LONGEST_SLUG]}_{identity_hash}"


def _short(override: str) -> str:
    """Return `latent_dim=2` for `model.latent_dim=2`; dots of the value stay."""
    _, equals, value = override.partition("=")
    return f"{key_of(override).split('.')[-1]}{equals}{value}"
