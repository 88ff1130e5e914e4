"""`.hydra/` of a run: what Hydra writes in a single run, written by us for a job of a sweep."""

from __future__ import annotations

from typing import Any

from vae_exp.storage import files, plain_yaml
from vae_exp.storage.run_folder import RunFolder


def write_hydra(folder: RunFolder, config: dict[str, Any], overrides: list[str]) -> None:
    """Write configuration and overrides at the first start of a job; later starts leave them as they are."""
    folder.refuse_links()
    if not folder.config_file.exists():
        place = folder.path / ".hydra"
        files.make_folder(place)
        files.write_text(place / "config.yaml", plain_yaml.text(config))
        files.write_text(place / "overrides.yaml", plain_yaml.text(overrides))
