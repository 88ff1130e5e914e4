"""Successive halving: the epochs at which trials are compared, and which of them are promoted.

Jamieson & Talwalkar 2016 (arXiv 1502.07943, Algorithm 1) and Li et al. 2018 (Hyperband, JMLR 18, section 2), with rungs
as barriers: a rung starts when the one before it has ended, so that nothing depends on which trial was faster.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Value = tuple[float, ...]
"""The value of a trial at a rung, one number for each minimised measure."""


def rung_epochs(first: int, factor: int | None, last: int) -> list[int]:
    """Return the epochs of the rungs, first·factor^k as long as they are below `last`, then `last`.

    Without a factor there is one rung, the last epoch.

    >>> rung_epochs(3, 3, 50)
    [3, 9, 27, 50]
    """
    epochs: list[int] = []
    while factor is not None and first < last:
        epochs.append(first)
        first *= factor
    return [*epochs, last]


def members(numbers: Sequence[int], rungs: Sequence[Mapping[int, Value | None]], factor: int | None) -> list[list[int]]:
    """Return the trials of each decided rung: all in the first, then those promoted to each.

    `rungs` holds the values of each rung by trial; None is a trial that diverged. A rung is decided when all trials of
    the rung before it have a value or have diverged, so the list may be shorter than `rungs`.
    """
    decided = [list(numbers)]
    for values in rungs[:-1]:
        if not all(number in values for number in decided[-1]):
            break
        decided.append(promoted({number: values[number] for number in decided[-1]}, factor))
    return decided


def places(count: int, factor: int | None) -> int:
    """Return how many of `count` trials are promoted: 1/`factor` of them, rounded down, at least one."""
    return max(1, count // (factor or 1))


def promoted(values: Mapping[int, Value | None], factor: int | None) -> list[int]:
    """Return the best 1/factor of a rung (see `places`), in the order of their numbers.

    Trials that diverged (None) count in the size of the rung and are never promoted.
    """
    best = ranked({number: value for number, value in values.items() if value is not None})
    return sorted(best[: places(len(values), factor)])


def ranked(values: Mapping[int, Value]) -> list[int]:
    """Return the trials from best to worst; ties go to the one that comes first in `values`.

    One measure ranks by its value. Several rank by non-dominated front, then by crowding distance, the larger first
    (Deb et al. 2002, NSGA-II, sections III-A and III-B).
    """
    if all(len(value) == 1 for value in values.values()):
        return sorted(values, key=values.__getitem__)
    order: list[int] = []
    left = dict(values)
    while left:
        first = front(left)
        distance = crowding({number: left.pop(number) for number in first})
        order += sorted(first, key=distance.__getitem__, reverse=True)
    return order


def front(values: Mapping[int, Value]) -> list[int]:
    """Return the trials that no other dominates, in their order: the Pareto front."""
    return [one for one in values if not any(dominates(values[other], values[one]) for other in values)]


def dominates(one: Value, other: Value) -> bool:
    """Return whether `one` is nowhere larger than `other`, and smaller in at least one measure."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def crowding(values: Mapping[int, Value]) -> dict[int, float]:
    """Return each trial's crowding distance in its front, the sum over the measures; infinite for those at an end."""
    gaps = [_gaps(dict(zip(values, measure, strict=True))) for measure in zip(*values.values(), strict=True)]
    return {number: sum(gap[number] for gap in gaps) for number in values}


def _gaps(values: Mapping[int, float]) -> dict[int, float]:
    """Return, of one measure, (the next larger value − the next smaller one) / (largest − smallest)."""
    order = sorted(values, key=values.__getitem__)
    span = values[order[-1]] - values[order[0]]
    gaps = {order[0]: math.inf, order[-1]: math.inf}
    for before, number, after in zip(order, order[1:], order[2:], strict=False):
        gaps[number] = (values[after] - values[before]) / span if span else 0.0
    return gaps
