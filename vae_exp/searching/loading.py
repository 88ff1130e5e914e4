"""Read a sweep or a search back from its folder."""

from __future__ import annotations

from pathlib import Path

from vae_exp.errors import UserError
from vae_exp.loaded_sweep import LoadedSweep
from vae_exp.searching import record
from vae_exp.storage.paths import require_path
from vae_exp.storage.run_folder import is_run_folder
from vae_exp.storage.sweep_folder import SweepFolder


def load_sweep(folder: str | Path) -> LoadedSweep:
    """Load the sweep of a folder, a search as a `LoadedSearch`.

    Raises UserError when the folder holds no sweep, or its plan or `search.json` is damaged.
    """
    path = require_path(folder, "folder")
    if is_run_folder(path):
        raise UserError(f"{path} is a run, not a sweep; read it with load_run")
    SweepFolder(path).jobs()
    if not record.record_file(path).is_file():
        return LoadedSweep(path)
    from vae_exp.searching.loaded_search import LoadedSearch  # imports torch

    record.read(path)
    return LoadedSearch(path)
