"""Find the dataclass of an option by its name, and the code that implements it.

A saved configuration names its options (`model.name: conv`), never code. An installed package registers its own options
the same way: an entry point in the group `vae_exp.extensions` names a module, which is imported when options are first
looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from vae_exp.errors import UserError

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_schemas: dict[str, dict[str, type]] = {}
_implementations: dict[type, Callable[..., Any]] = {}


def schema(group: str, name: str) -> Callable[[C], C]:
    """Register a dataclass as option `name` of `group`: `@schema("model", "conv")`."""

    def register(cls: C) -> C:
        _schemas.setdefault(group, {})[name] = cls
        return cls

    return register


def implements(config_class: type) -> Callable[[F], F]:
    """Register a function, or a class, that builds what `config_class` describes."""

    def register(build: F) -> F:
        _implementations[config_class] = build
        return build

    return register


def schemas() -> dict[str, dict[str, type]]:
    """Return the dataclasses by group and option name, those of installed extensions included."""
    _load_extensions()
    return _schemas


def registered(group: str) -> dict[str, type]:
    """Return the registered dataclasses of a group, by option name."""
    return _schemas.get(group, {})


def schema_of(group: str, name: object) -> type:
    """Return the dataclass of an option; raise UserError with the existing names when there is none."""
    options = schemas()[group]
    if not isinstance(name, str) or name not in options:
        raise UserError(f"{group}.name must be one of {', '.join(sorted(options))}, got {name!r}")
    return options[name]


def implementation_of(config: object) -> Callable[..., Any]:
    """Return what is registered for a configuration's class: it builds the model, the splits or the objective."""
    _load_extensions()
    return _implementations[type(config)]


@cache
def _load_extensions() -> None:
    for entry_point in entry_points(group="vae_exp.extensions"):
        entry_point.load()
