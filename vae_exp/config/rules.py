"""Rules for values. Each raises UserError with the dotted key, the rule and the value."""

from __future__ import annotations

import math

from vae_exp.errors import UserError, short


def require(holds: bool, key: str, rule: str, value: object) -> None:
    """Raise UserError unless the rule holds: `key must be rule, got value`."""
    if not holds:
        raise UserError(f"{key} must be {rule}, got {short(value)}")


def at_least(key: str, value: float, least: float) -> None:
    """Require a finite number of at least `least`."""
    require(least <= value < math.inf, key, f"at least {least}", value)


def positive(key: str, value: float) -> None:
    """Require a finite number above 0."""
    require(0 < value < math.inf, key, "above 0", value)


def fraction(key: str, value: float) -> None:
    """Require a number in [0, 1)."""
    require(0 <= value < 1, key, "at least 0 and below 1", value)


def one_of(key: str, value: str, options: tuple[str, ...]) -> None:
    """Require one of the options."""
    require(value in options, key, f"one of {', '.join(options)}", value)
