"""The search space: each key with its values.

A point is one value for each key, as override text: `{"model.latent_dim": "12"}`. A float is written with `repr`, so
that it is read back to the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from vae_exp.errors import UserError, short

Point = dict[str, str]
"""A value for each searched key, as override text."""


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """One of several unordered values: options of a group, lists, names, numbers."""

    key: str
    values: list[str]
    is_group: bool = False
    """Whether the values are options of a group, each with its own configuration."""

    def __post_init__(self) -> None:
        _require_values(self.key, self.values)

    @property
    def size(self) -> int:
        """Return the number of values."""
        return len(self.values)

    @property
    def ends(self) -> list[str]:
        """Return the values that are checked before the first trial: all."""
        return self.values


class Range(msgspec.Struct, frozen=True, tag="range"):
    """One of several evenly spaced numbers, in order."""

    key: str
    values: list[str]

    def __post_init__(self) -> None:
        _require_values(self.key, self.values)

    @property
    def size(self) -> int:
        """Return the number of values."""
        return len(self.values)

    @property
    def ends(self) -> list[str]:
        """Return the values that are checked before the first trial: the first and the last."""
        return [self.values[0], self.values[-1]]


class Interval(msgspec.Struct, frozen=True, tag="interval"):
    """A number between two bounds, both included: an integer if both bounds are integers, else a float."""

    key: str
    low: int | float
    high: int | float
    log: bool = False
    """Whether to search on a logarithmic scale."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UserError(f"{self.key}: an interval must start below its end, got interval({self.low},{self.high})")
        if self.log and self.low <= 0:
            raise UserError(f"{self.key}: a log interval must start above 0, got interval({self.low},{self.high})")

    @property
    def is_integer(self) -> bool:
        """Return whether its values are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def size(self) -> int | None:
        """Return the number of values; None for floats."""
        return int(self.high - self.low) + 1 if self.is_integer else None

    @property
    def ends(self) -> list[str]:
        """Return the values that are checked before the first trial: the two ends."""
        return [repr(self.low), repr(self.high)]

    def number(self, text: str) -> int | float | None:
        """Return a value as a number, or None if it is not in the interval."""
        try:
            number = int(text) if self.is_integer else float(text)
        except ValueError:
            return None
        return number if self.low <= number <= self.high else None


Dimension = Choice | Range | Interval


class Space(msgspec.Struct, frozen=True):
    """The product of several dimensions."""

    dimensions: list[Dimension]

    @property
    def keys(self) -> list[str]:
        """Return the searched keys in their order."""
        return [dimension.key for dimension in self.dimensions]

    @property
    def size(self) -> int | None:
        """Return the number of points; None when a dimension is continuous."""
        sizes = [dimension.size for dimension in self.dimensions]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def corners(self) -> Iterable[Point]:
        """Yield a first point, then the first point with each other end of each key."""
        first = {dimension.key: dimension.ends[0] for dimension in self.dimensions}
        yield first
        for dimension in self.dimensions:
            for end in dimension.ends[1:]:
                yield first | {dimension.key: end}

    def holds(self, point: Point) -> bool:
        """Return whether a point is in the space."""
        return point.keys() == set(self.keys) and all(_holds(each, point[each.key]) for each in self.dimensions)

    def point(self, overrides: Iterable[str]) -> Point:
        """Return the point of these overrides; raise UserError when it is not in the space."""
        given = dict(override.split("=", 1) for override in overrides)
        found = {each.key: given.get(each.key, "") for each in self.dimensions}
        for dimension in self.dimensions:
            if not _holds(dimension, found[dimension.key]):
                raise UserError(f"{dimension.key} must be in the searched space, got {short(found[dimension.key])}")
        return {each.key: _canonical(each, found[each.key]) for each in self.dimensions}

    def rank(self, point: Point) -> int:
        """Return the index of a point in a finite space, from 0 to its size − 1."""
        rank = 0
        for dimension in self.dimensions:
            rank = rank * (dimension.size or 0) + _index(dimension, point[dimension.key])
        return rank

    def at(self, rank: int) -> Point:
        """Return the point of a finite space with this index."""
        point: Point = {}
        for dimension in reversed(self.dimensions):
            rank, index = divmod(rank, dimension.size or 1)
            point[dimension.key] = _value(dimension, index)
        return {key: point[key] for key in self.keys}


def _holds(dimension: Dimension, text: str) -> bool:
    return dimension.number(text) is not None if isinstance(dimension, Interval) else text in dimension.values


def _canonical(dimension: Dimension, text: str) -> str:
    """Return the normal form of a value: 0.001 for 1e-3."""
    return repr(dimension.number(text)) if isinstance(dimension, Interval) else text


def _index(dimension: Dimension, text: str) -> int:
    return int(text) - int(dimension.low) if isinstance(dimension, Interval) else dimension.values.index(text)


def _value(dimension: Dimension, index: int) -> str:
    return str(int(dimension.low) + index) if isinstance(dimension, Interval) else dimension.values[index]


def _require_values(key: str, values: list[str]) -> None:
    if not values:
        raise UserError(f"{key} must have at least one value to choose from, got none")
    if twice := next((value for value in values if values.count(value) > 1), None):
        raise UserError(f"{key} must have each value once, got {short(twice)} twice")
