"""The user's cache folder: downloaded and parsed data sets, thumbnails, and the locks of GPUs."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of the user's cache for this package. It need not exist."""
    return platformdirs.user_cache_path("vae_exp", appauthor=False)
