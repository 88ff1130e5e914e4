"""Which dataclass a group's option name stands for, and which code implements that dataclass.

A saved configuration names its options (`model.name: conv`) and is looked up here. It never names code.
Packages installed beside ours register theirs the same way: an entry point in the group `vae_exp.extensions`
names a module, which is imported once and whose decorators run.
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
    """Make a dataclass the schema of option `name` of `group`: `@schema("model", "conv")`."""

    def register(cls: C) -> C:
        _schemas.setdefault(group, {})[name] = cls
        return cls

    return register


def implements(config_class: type) -> Callable[[F], F]:
    """Make a class or function what builds the thing that `config_class` describes."""

    def register(build: F) -> F:
        _implementations[config_class] = build
        return build

    return register


def schemas() -> dict[str, dict[str, type]]:
    """All known schemas, by group and option name, those of installed extensions included."""
    _load_extensions()
    return _schemas


def registered(group: str) -> dict[str, type]:
    """Return the schemas of a group that have been imported so far, by option name."""
    return _schemas.get(group, {})


def schema_of(group: str, name: object) -> type:
    """Return the dataclass of an option; raise UserError with the names that exist when there is none."""
    options = schemas()[group]
    if not isinstance(name, str) or name not in options:
        raise UserError(f"{group}.name must be one of {', '.join(sorted(options))}, got {name!r}")
    return options[name]


def implementation_of(config: object) -> Callable[..., Any]:
    """Return what implements a configuration: the model's class, the data set's loader, the objective."""
    _load_extensions()
    return _implementations[type(config)]


@cache
def _load_extensions() -> None:
    for entry_point in entry_points(group="vae_exp.extensions"):
        entry_point.load()
