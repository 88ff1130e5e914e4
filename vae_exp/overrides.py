"""The overrides of a configuration: the options and values in which it differs from `conf/`."""

from __future__ import annotations

import re
from typing import Any

from vae_exp import compose
from vae_exp.config import Config
from vae_exp.config.identity import as_dict, flatten
from vae_exp.registry import schemas

PLAIN = r"[A-Za-z_][A-Za-z0-9_.-]*"
"""A string that needs no quotes, unless it parses as a value of another type."""
OTHER_TYPES = ("null", "true", "false", "nan", "inf")


def overrides_of(config: Config, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Return the overrides that compose this configuration, options first: `model=mlp`, `model.latent_dim=4`.

    Keys that begin with one of `leave_out` keep their defaults. Composed with `conf/` the result is the same
    configuration but for those.
    """
    saved = as_dict(config)
    default = as_dict(compose.defaults([]))
    groups = [group for group in schemas() if not f"{group}.".startswith(leave_out)]
    options = [f"{group}={saved[group]['name']}" for group in groups if saved[group]["name"] != default[group]["name"]]
    chosen = flatten(as_dict(compose.defaults(options)))
    values = {key: value for key, value in flatten(saved).items() if not key.startswith(leave_out)}
    return options + [f"{key}={quote_value(value)}" for key, value in values.items() if value != chosen.get(key)]


def quote_value(value: Any) -> str:
    """Return a value in Hydra's grammar, which parses to the same type: `[1,32]`, `null`, `0.001`, `'a b'`."""
    if isinstance(value, list):
        return f"[{','.join(map(quote_value, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        is_plain = re.fullmatch(PLAIN, value) and value.lower() not in OTHER_TYPES
        return value if is_plain else quote(value)
    return repr(value)


def quote(value: str) -> str:
    """Quote a value, whatever its characters, so that Hydra's grammar reads it back unchanged.

    A backslash is doubled only before a quote: elsewhere the grammar keeps it.
    """
    escaped = re.sub(r"(\\*)('|\Z)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"
