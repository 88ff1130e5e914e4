"""Where data sets are kept."""

from __future__ import annotations

import os
from pathlib import Path

from vae_exp.errors import UserError
from vae_exp.storage.cache import cache_folder


def root_folder(root: str | None) -> Path:
    """Return the folder of data sets: `data.root`, else the environment's VAE_EXP_DATA, else in the user's cache.

    It need not exist. Raises UserError where the text is no path.
    """
    key, chosen = ("data.root", root) if root is not None else ("VAE_EXP_DATA", os.environ.get("VAE_EXP_DATA"))
    if key == "VAE_EXP_DATA" and not chosen:
        return cache_folder() / "data"
    try:
        if not chosen or not chosen.isprintable():
            raise RuntimeError
        return Path(chosen).expanduser().absolute()
    except RuntimeError:  # Also what expanduser raises for a user that there isn't.
        raise UserError(f"{key} must be a folder, got {chosen!r}") from None
