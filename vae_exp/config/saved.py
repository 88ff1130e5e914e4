"""Load a configuration from the plain data that a run saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from vae_exp.config import Config
from vae_exp.config.identity import as_dict
from vae_exp.config.options import Options
from vae_exp.errors import UserError, short
from vae_exp.registry import schema_of, schemas


def load_config(saved: dict[str, Any], where: str) -> Config:
    """Return a saved configuration; raise UserError, naming the file and the key, when it breaks a rule.

    The data may be untrusted: it names options, never code. Missing keys have their defaults; unknown keys are an
    error.
    """
    try:
        _require_known(saved, Config, "")
        return Config(**{key: _group(key, value) if key in _GROUPS else value for key, value in saved.items()})
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return the configuration with other values; raise UserError when a value breaks a rule or a key doesn't exist.

    >>> with_values(Config(), {"model.latent_dim": 8}).model.latent_dim
    8
    """
    saved = as_dict(config)
    for key, value in values.items():
        group, _, name = key.partition(".")
        if name and isinstance(saved.get(group), dict):
            saved[group] = saved[group] | {name: value}
        else:
            saved[key] = as_dict(value) if isinstance(value, Options) else value
    return load_config(saved, "config")


_GROUPS = {field.name: field for field in dataclasses.fields(Config) if field.name != "seed"}


def _group(group: str, options: Any) -> Any:
    if not isinstance(options, dict):
        raise UserError(f"{group} must be a mapping, got {short(options)}")
    cls = schema_of(group, options.get("name")) if group in schemas() else type(getattr(Config(), group))
    _require_known(options, cls, f"{group}.")
    return cls(**options)


def _require_known(saved: dict[str, Any], cls: type, prefix: str) -> None:
    known = [field.name for field in dataclasses.fields(cls)]
    if unknown := [key for key in saved if key not in known]:
        raise UserError(f"{prefix}{unknown[0]} is not a key of this version's configuration")
