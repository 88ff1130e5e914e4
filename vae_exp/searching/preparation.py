"""Compose and check a search before anything is written."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vae_exp.config import Config
from vae_exp.config.defaults import fill_defaults
from vae_exp.config.identity import as_dict, flatten, identity
from vae_exp.config.rules import at_least, one_of, require
from vae_exp.errors import UserError
from vae_exp.searching.grammar import Request
from vae_exp.searching.options import PREFIX, Options
from vae_exp.searching.record import Record, base_name, groups
from vae_exp.searching.space import Point

if TYPE_CHECKING:
    from vae_exp.data import Splits

Compose = Callable[[Sequence[str]], Config]
"""Returns the configuration of these overrides; raises UserError if they break a rule."""

MOST_BASES = 1000
"""Combinations of groups above which a search is refused: each is composed before the first trial."""
NOT_COMPARABLE = ("data.", "model.likelihood", "model.scale")
"""Keys that change the meaning of a nat: losses with different values of them can't be ranked."""


def prepare(request: Request, options: Options, compose: Compose) -> Record:
    """Return the requested search; raise UserError, naming the key, when a part of it can't run.

    Both ends of each key and every choice are composed, then checked, which needs torch. A combination of them may
    still be refused: that is a trial with the state `refused`.
    """
    corners = [(corner, _composed(compose, request, corner)) for corner in request.space.corners()]
    first, config = corners[0]
    seeds = [_seed(text) for text in request.seeds] or [config.seed]
    bases = dict(_bases(compose, request, first))
    splits = _checked(first, config)
    _require_measures(options, splits)
    record = Record(
        options=options, space=request.space, seeds=seeds, fixed=request.fixed, data=splits.digest, bases=bases
    )
    seen: dict[str, str] = {}
    for corner, other in corners:
        _checked(corner, other)
        _require_rungs(options, other)
        _require_corner(record, corner, other, config, seen)
    return record


def _composed(compose: Compose, request: Request, point: Point) -> Config:
    """Return the configuration of a corner; raise UserError, naming its values, when it breaks a rule."""
    with _naming(point):
        return compose(request.overrides(point))


def _checked(point: Point, config: Config) -> Splits:
    """Return the data of a corner; raise UserError, naming its values, when it can't run."""
    from vae_exp.preparation import check  # imports torch

    with _naming(point):
        return check(config)


@contextlib.contextmanager
def _naming(point: Point) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"{', '.join(f'{key}={value}' for key, value in point.items())}: {error}") from None


def _bases(compose: Compose, request: Request, first: Point) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Yield each combination of groups with its complete configuration, or with the rule that it breaks."""
    chosen = groups(request.space)
    combinations = list(itertools.islice(itertools.product(*(each.values for each in chosen)), MOST_BASES + 1))
    if len(combinations) > MOST_BASES:
        raise UserError(
            f"{', '.join(each.key for each in chosen)}: at most {MOST_BASES} combinations of groups can be searched"
        )
    for values in combinations:
        point = first | {each.key: value for each, value in zip(chosen, values, strict=True)}
        try:
            config = compose(request.overrides(point))
            yield base_name(request.space, point), as_dict(fill_defaults(config, threads=1))
        except UserError as error:
            yield base_name(request.space, point), str(error)


def _require_corner(record: Record, corner: Point, config: Config, first: Config, seen: dict[str, str]) -> None:
    """Raise UserError unless a corner's runs are comparable with those of the first, and the record reproduces them."""
    name = ", ".join(f"{key}={value}" for key, value in corner.items())
    mine, others = flatten(as_dict(config)), flatten(as_dict(first))
    for key in sorted(mine.keys() | others.keys()):
        if mine.get(key) != others.get(key) and key.startswith(NOT_COMPARABLE):
            raise UserError(f"{key} can't be searched: losses of different images or likelihoods can't be ranked")
    require(
        config.trainer.epochs == first.trainer.epochs,
        "trainer.epochs",
        "the same for all trials",
        config.trainer.epochs,
    )
    made = as_dict(record.config(corner, config.seed))
    if made != as_dict(fill_defaults(config, threads=1)):
        raise UserError(f"{name}: a key depends on another one by an interpolation, which can't be searched")
    key = repr(identity(made))
    if key in seen:
        raise UserError(f"{name} and {seen[key]} are the same experiment; drop one of the values")
    seen[key] = name


def _require_measures(options: Options, splits: Splits) -> None:
    from vae_exp.objectives import PARTS

    with_images = ("train",) if splits.val is None else ("val", "train")
    known = tuple(f"{split}/{part}" for split in with_images for part in PARTS)
    for measure in options.measures:
        one_of(f"{PREFIX}minimize", measure, known)


def _require_rungs(options: Options, config: Config) -> None:
    """Raise UserError unless the runs have the epoch of each rung, with its validation measures."""
    epochs, every = fill_defaults(config).trainer.epochs or 0, config.evaluation.every
    at_least("trainer.epochs", epochs, 1)
    rule = f"at most trainer.epochs, {epochs}"
    require(
        options.factor is None or options.first_epochs <= epochs, f"{PREFIX}first_epochs", rule, options.first_epochs
    )
    for epoch in options.rungs(epochs):
        rule = f"evaluated in every rung, at epochs {', '.join(map(str, options.rungs(epochs)))}"
        require(epoch % every == 0, "evaluation.every", rule, every)


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"seed must be a list of integers, got {text}") from None
