"""Propose the next points with Optuna (https://optuna.org), from the results so far.

Only `ask` and `tell` are used, and nothing is kept: the study is rebuilt for each batch, with a seed that is derived
from the search's seed and the number of trials so far, and gets all results in their order. So the
proposals are a function of space, seed and results, whatever was killed in between.
"""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vae_exp.searching.rungs import Value
from vae_exp.searching.space import Choice, Dimension, Interval, Point, Range, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study

PATIENCE = 20
"""Number of known points proposed in a row, after which a point is drawn uniformly from the remaining ones."""


Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Observation:
    """The point of a trial and its value at the first rung; None when it diverged or was refused."""

    point: Point
    value: Value | None


def propose(space: Space, observations: Sequence[Observation], count: int, sampler: str, seed: int) -> list[Point]:
    """Return up to `count` new points; fewer when the space has no more.

    A value of None counts as the worst value so far, so that the sampler avoids that region.
    """
    known = {_key(trial.point): trial.point for trial in observations}
    generator = random.Random(_derived(seed, len(observations)))
    study = _study(space, observations, sampler, generator.getrandbits(32))
    points: list[Point] = []
    while len(points) < count and (space.size is None or len(known) < space.size):
        point = _new_point(study, space, known, generator)
        known[_key(point)] = point
        points.append(point)
    return points


def _new_point(study: Study, space: Space, known: dict[Key, Point], generator: random.Random) -> Point:
    """Return the sampler's next new point; after many known ones, draw one from the remaining points."""
    for _ in range(PATIENCE):
        point = _ask(study, space)
        if _key(point) not in known:
            return point
    if space.size is None:  # a sampler that repeats floats has converged: draw one
        return _ask(_study(space, [], "random", generator.getrandbits(32)), space)
    point = _left_over(space, known, generator)
    study.enqueue_trial({each.key: param(each, point[each.key]) for each in space.dimensions})
    return _ask(study, space)


def _left_over(space: Space, known: dict[Key, Point], generator: random.Random) -> Point:
    """Draw a new point of a finite space uniformly."""
    assert space.size is not None
    rank = generator.randrange(space.size - len(known))
    for taken in sorted(map(space.rank, known.values())):  # from the rank among new points to that among all
        rank += taken <= rank
    return space.at(rank)


def _ask(study: Study, space: Space) -> Point:
    params = study.ask(distributions(space)).params
    return {each.key: text(each, params[each.key]) for each in space.dimensions}


def _study(space: Space, observations: Sequence[Observation], sampler: str, seed: int) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    values = _finite(observations)
    measures = len(values[0]) if values else 1
    study = optuna.create_study(sampler=_sampler(sampler, seed), directions=["minimize"] * measures)
    chosen = distributions(space)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={each.key: param(each, trial.point[each.key]) for each in space.dimensions},
                distributions=chosen,
                values=list(value),
            )
            for trial, value in zip(observations, values, strict=False)
        ]
    )
    return study


def _sampler(name: str, seed: int) -> BaseSampler:
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate, since version 2.2
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        if name == "gp":
            return optuna.samplers.GPSampler(seed=seed)
        return optuna.samplers.RandomSampler(seed=seed)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each key."""
    return {dimension.key: _distribution(dimension) for dimension in space.dimensions}


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if isinstance(dimension, Range):
        return IntDistribution(0, dimension.size - 1)
    kind: Any = IntDistribution if dimension.is_integer else FloatDistribution
    distribution: BaseDistribution = kind(dimension.low, dimension.high, log=dimension.log)
    return distribution


def param(dimension: Dimension, text: str) -> str | int | float:
    """Return Optuna's value: a choice itself, the index in a range, the number in an interval."""
    if isinstance(dimension, Interval):
        number = dimension.number(text)
        assert number is not None
        return number
    return dimension.values.index(text) if isinstance(dimension, Range) else text


def text(dimension: Dimension, param: Any) -> str:
    """Return Optuna's value as override text."""
    if isinstance(dimension, Interval):
        return repr(int(param)) if dimension.is_integer else repr(float(param))
    return dimension.values[param] if isinstance(dimension, Range) else str(param)


def _finite(observations: Sequence[Observation]) -> list[Value]:
    """Return the values, None replaced by the worst of each measure; empty when all are None."""
    found = [trial.value for trial in observations if trial.value is not None]
    if not found:
        return []
    worst = tuple(max(measure) for measure in zip(*found, strict=True))
    return [worst if trial.value is None else trial.value for trial in observations]


def _derived(seed: int, trials: int) -> int:
    digest = hashlib.sha256(f"search {seed} {trials}".encode()).digest()
    return int.from_bytes(digest[:8])


def _key(point: Point) -> Key:
    return tuple(sorted(point.items()))
