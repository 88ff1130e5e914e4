"""The base class of all options: fields are checked when they are assigned, and documented where they are declared."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, get_origin, get_type_hints

from vae_exp import registry
from vae_exp.config.conversion import convert
from vae_exp.config.field_docs import with_fields
from vae_exp.errors import UserError


class Options:
    """A dataclass that checks and converts each field to its declared type when it is assigned.

    A subclass names its group, `class ModelConfig(Options, group="model")`, so that an error can name the dotted key.
    Ranges are checked in `__post_init__`, after the types.
    """

    _group: ClassVar[str] = ""

    def __init_subclass__(cls, group: str | None = None) -> None:
        cls._group = cls._group if group is None else group
        cls.__doc__ = with_fields(cls)

    def __setattr__(self, name: str, value: object) -> None:
        types = field_types(type(self))  # type: ignore[arg-type]  # a class can be hashed
        key = f"{self._group}.{name}".lstrip(".")
        if name not in types:
            raise UserError(f"{key} is not a key of {type(self).__name__}; it has {', '.join(types)}")
        super().__setattr__(name, convert(value, types[name], key))

    def __post_init__(self) -> None:
        """Require the name under which the class is registered: a saved configuration finds its class by this name."""
        options = registry.registered(self._group)
        name = getattr(self, "name", "")
        if options and options.get(name) is not type(self):
            rule = " or ".join(f"{option} ({cls.__name__})" for option, cls in sorted(options.items()))
            raise UserError(f"{self._group}.name must be {rule}, got {name!r} ({type(self).__name__})")


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Return the type of each field of a dataclass."""
    return {name: kind for name, kind in get_type_hints(cls).items() if get_origin(kind) is not ClassVar}
