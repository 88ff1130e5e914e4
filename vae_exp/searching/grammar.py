"""Convert overrides in Hydra's grammar to a space: `range`, `interval`, `tag(log, …)`, `glob`, choices and groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException

from vae_exp.config.identity import format_value
from vae_exp.errors import UserError, one_line
from vae_exp.searching.space import Choice, Dimension, Interval, Point, Range, Space

MOST_VALUES = 10_000
"""Number of values that can be listed for one key; `int(interval(…))` has no such limit."""
SEED = "seed"
"""The only key whose values are not searched: each trial runs with all of them."""


@dataclass(frozen=True)
class Request:
    """The search that a command line requests."""

    space: Space
    seeds: list[str]
    """The seeds that each trial runs with, as override texts; empty unless `seed` has several values."""
    fixed: list[str]
    """The overrides that all trials share."""

    def overrides(self, point: Point) -> list[str]:
        """Return those of a point: the shared ones, then its values."""
        return [*self.fixed, *(f"{key}={value}" for key, value in point.items())]


def read(overrides: Sequence[Override], is_group: Callable[[str], bool]) -> Request:
    """Return the search that parsed overrides request; raise UserError, naming the key, when they can't be searched.

    `is_group` says whether a key chooses an option of a group.
    """
    dimensions: list[Dimension] = []
    seeds: list[str] = []
    for override in overrides:
        if not override.is_sweep_override():
            continue
        key = override.get_key_element()
        if override.is_hydra_override():
            raise UserError(f"{key} can't be searched: it is an option of Hydra's")
        if key == SEED:
            seeds = _seeds(override)
        else:
            dimensions.append(_dimension(key, override, is_group(override.key_or_group)))
    _require_once(overrides)
    if not dimensions:
        raise UserError(
            "hydra/sweeper=search needs a key to search: model.latent_dim=range(2,33), or optimizer=adam,sgd"
        )
    fixed = [str(override.input_line) for override in overrides if not override.is_sweep_override()]
    return Request(Space(dimensions), seeds, fixed)


def _dimension(key: str, override: Override, is_group: bool = False) -> Dimension:
    value = override.value()
    _require_tags(key, value)
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        return Interval(key, value.start, value.end, "log" in value.tags)
    if isinstance(value, RangeSweep):
        return Range(key, _values(key, override))
    return Choice(key, _values(key, override), is_group)


def _values(key: str, override: Override) -> list[str]:
    """Return the values of a choice or a range as override texts."""
    try:
        values = list(islice(override.sweep_string_iterator(), MOST_VALUES + 1))
    except (ValueError, HydraException) as error:  # a step of 0
        raise UserError(f"{key}: {one_line(error)}") from None
    if len(values) > MOST_VALUES:
        raise UserError(f"{key} must have at most {MOST_VALUES} values to choose from; search int(interval(low,high))")
    return values


def _seeds(override: Override) -> list[str]:
    dimension = _dimension(SEED, override)
    if isinstance(dimension, Interval):
        raise UserError("seed can't be searched; seed=0,1,2 runs each trial with three seeds and takes their mean")
    return dimension.values


def _require_tags(key: str, value: object) -> None:
    """Raise UserError for modifiers that have no meaning in a search, instead of ignoring them."""
    if isinstance(value, ChoiceSweep | RangeSweep) and value.shuffle:
        raise UserError(f"{key}: shuffle has no meaning in a search; give the values without it")
    tags = value.tags if isinstance(value, Sweep) else set()
    allowed = {"log"} if isinstance(value, IntervalSweep) else set()
    if unknown := sorted(tags - allowed):
        raise UserError(f"{key}: tag({unknown[0]}, …) has no meaning here; only an interval may have one, tag(log, …)")


def _require_once(overrides: Sequence[Override]) -> None:
    """Raise UserError when a searched key is given more than once."""
    keys = [override.get_key_element().lstrip("+~") for override in overrides]
    for override, key in zip(overrides, keys, strict=True):
        if override.is_sweep_override() and keys.count(key) > 1:
            raise UserError(f"{key} must be given once, either searched or fixed, got it more than once")


def override_value(text: str) -> Any:
    """Parse the value of an override: `[1, 32]` for `[1,32]`, None for `null`."""
    return OverridesParser.create().parse_override(f"value={text}").value()


def as_overrides(space: Mapping[str, object]) -> list[str]:
    """Convert a space from Python, such as `{"model.latent_dim": range(2, 33)}`, to overrides."""
    return [f"{key}={_as_text(key, values)}" for key, values in space.items()]


def _as_text(key: str, values: object) -> str:
    if isinstance(values, str):
        return values
    if isinstance(values, range):
        return f"range({values.start},{values.stop},{values.step})"
    if isinstance(values, Sequence):
        return f"choice({','.join(map(format_value, values))})"
    raise UserError(f"{key} must be a range, a list, or text in Hydra's grammar, got {values!r}")
