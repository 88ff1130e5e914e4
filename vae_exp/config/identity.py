"""The keys that identify a run: two configurations with the same values of them train the same model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from vae_exp.registry import schema_of, schemas

NOT_IDENTITY = (
    "data.root",
    "figures.",
    "tracking.",
    "trainer.compile",
    "trainer.device",
    "trainer.epochs",
    "trainer.keep",
)
"""Keys that may differ between two starts of the same run. `trainer.epochs` may only grow."""


def as_dict(config: object) -> dict[str, Any]:
    """Return a configuration as plain nested data, as `config.yaml` holds it."""
    return dataclasses.asdict(config)  # type: ignore[call-overload, no-any-return]


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested data by dotted key: `{"model": {"latent_dim": 2}}` → `{"model.latent_dim": 2}`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def identity(nested: dict[str, Any]) -> dict[str, Any]:
    """Return the dotted keys and values that identify a run.

    A missing key, which was added after the configuration was saved, has its default.
    """
    complete = {group: _defaults(group, value) | value for group, value in nested.items() if isinstance(value, dict)}
    flat = flatten(nested | complete)
    return {key: value for key, value in sorted(flat.items()) if not key.startswith(NOT_IDENTITY)}


def _defaults(group: str, options: dict[str, Any]) -> dict[str, Any]:
    return as_dict(schema_of(group, options["name"])()) if group in schemas() and "name" in options else {}


def identity_hash(nested: dict[str, Any]) -> str:
    """Return the first eight hexadecimal digits of the identity's SHA-256."""
    return hashlib.sha256(json.dumps(identity(nested), sort_keys=True).encode()).hexdigest()[:8]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return `key: old → new` for every key of two flat dictionaries that differs, `-` for a missing one."""
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key, ...) != new.get(key, ...))
    return [f"{key}: {old.get(key, '-')} → {new.get(key, '-')}" for key in keys]


def format_value(value: Any) -> str:
    """Return a value as on the command line: `[1,32,64]`, `null`, `true`."""
    if isinstance(value, list):
        return f"[{','.join(map(format_value, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def key_of(override: str) -> str:
    """Return `model.latent_dim` for `++model.latent_dim=2`."""
    return override.partition("=")[0].lstrip("+~")
