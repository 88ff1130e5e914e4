"""Check a value against the declared type of its field, and convert it if that loses nothing."""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar, Union, get_args, get_origin

from vae_exp.config.rules import require
from vae_exp.errors import UserError, short

T = TypeVar("T")

LARGEST_INTEGER = 2**63 - 1
"""Integers are saved and hashed as 64 bits."""


def convert(value: object, declared: Any, key: str) -> Any:
    """Convert `value` to the declared type of its field; raise UserError, naming `key`, when that is not possible.

    NumPy's numbers, a whole float for an integer, an integer for a float, a path for text and any sequence for a list
    are converted. Text and booleans are never converted to numbers, nor numbers to them. Values of any other declared
    type (an extension may declare any) are returned unchanged.

    >>> convert(4.0, int, "model.latent_dim")
    4
    >>> convert((1, 8), list[int], "model.channels")
    [1, 8]
    """
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, types.UnionType):
        return _alternative(value, arguments, key)
    if declared in _SCALARS:
        return _scalar(value, declared, key)
    if origin is list:
        require(isinstance(value, Sequence) and not isinstance(value, str | bytes), key, "a list", value)
        return [convert(item, arguments[0], f"{key}[{i}]") for i, item in enumerate(value)]  # type: ignore[arg-type, var-annotated]
    if origin is dict:
        require(isinstance(value, Mapping), key, "a mapping", value)
        return {name: convert(item, arguments[1], f"{key}.{name}") for name, item in value.items()}  # type: ignore[attr-defined]
    if isinstance(declared, type):
        require(isinstance(value, declared), key, f"an instance of {declared.__name__}", value)
    return value


def _alternative(value: object, alternatives: tuple[Any, ...], key: str) -> Any:
    """Convert `value` to the first type that accepts it."""
    if value is None and type(None) in alternatives:
        return None
    *others, last = [kind for kind in alternatives if kind is not type(None)]
    for kind in others:
        try:
            return convert(value, kind, key)
        except UserError:
            continue
    return convert(value, last, key)


def _scalar(value: object, declared: type, key: str) -> Any:
    rule, converter = _SCALARS[declared]
    try:
        return converter(value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{key} must be {rule}, got {short(value)}") from None


def _integer(value: object) -> int:
    number = _real(value)
    if number != int(number) or abs(int(number)) > LARGEST_INTEGER:
        raise ValueError
    return int(number)


def _float(value: object) -> float:
    return float(_real(value))


def _real(value: object) -> Any:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError
    return value


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: object) -> str:
    """Return text without `${…}`, which OmegaConf would interpolate."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or "${" in text or text == "???":
        raise TypeError
    return str(text)


_SCALARS: dict[type, tuple[str, Callable[[object], Any]]] = {
    int: ("an integer of at most 64 bits", _integer),
    float: ("a number", _float),
    bool: ("true or false", _bool),
    str: ("text without ${…}", _text),
}
