"""The folder of data sets."""

from __future__ import annotations

import os
from pathlib import Path

from vae_exp.errors import UserError
from vae_exp.storage.cache import cache_folder
from vae_exp.storage.paths import require_path


def root_folder(root: str | None) -> Path:
    """Return the folder of data sets: `data.root`, else the environment variable VAE_EXP_DATA, else the user's cache.

    It need not exist. Raises UserError when the text is not a path.
    """
    key, chosen = ("data.root", root) if root is not None else ("VAE_EXP_DATA", os.environ.get("VAE_EXP_DATA"))
    if key == "VAE_EXP_DATA" and not chosen:
        return cache_folder() / "data"
    try:
        if not chosen or not chosen.isprintable():
            raise RuntimeError
        path = Path(chosen).expanduser().absolute()
    except RuntimeError:  # expanduser raises it for an unknown user
        raise UserError(f"{key} must be a folder, got {chosen!r}") from None
    return require_path(path, key)
