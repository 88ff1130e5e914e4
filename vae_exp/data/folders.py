"""Where data sets are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of the user's cache for this package. It need not exist."""
    return platformdirs.user_cache_path("vae_exp", appauthor=False)


def root_folder(root: str | None) -> Path:
    """Return the folder of downloaded data sets: `data.root`, else VAE_EXP_DATA, else in the user's cache."""
    chosen = root or os.environ.get("VAE_EXP_DATA")
    return Path(chosen).expanduser().absolute() if chosen else cache_folder() / "data"
