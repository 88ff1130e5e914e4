"""`.hydra/` of a run: Hydra writes it for a single run; this module writes it for a job of a sweep."""

from __future__ import annotations

from typing import Any

from vae_exp.config.identity import key_of
from vae_exp.storage import files, plain_yaml
from vae_exp.storage.run_folder import RunFolder


def write_hydra(folder: RunFolder, config: dict[str, Any], overrides: list[str]) -> None:
    """Write configuration and overrides when a job starts for the first time."""
    folder.refuse_links()
    if not folder.config_file.exists():
        place = folder.path / ".hydra"
        files.make_folder(place)
        files.write_text(place / "config.yaml", plain_yaml.text(config), is_note=True)
        files.write_text(place / "overrides.yaml", plain_yaml.text(overrides), is_note=True)


def overridden(folder: RunFolder) -> list[str]:
    """Return the keys that a run was started with, none where that was not kept; raise UserError for a damaged file."""
    file = folder.path / ".hydra" / "overrides.yaml"
    return [key_of(override) for override in plain_yaml.read_texts(file)] if file.is_file() else []
