"""Means over seeds with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the half width of its 95 % confidence interval."""

    mean: float
    half: float
    """NaN for a single value."""
    values: int


def interval(values: Sequence[float]) -> Interval:
    """Return mean and t₀.₉₇₅,ₙ₋₁ · s/√n of n independent values (Student 1908, Biometrika 6); NaN without values."""
    n = len(values)
    if n < 2:
        return Interval(float(values[0]) if values else math.nan, math.nan, n)
    quantile = stdtrit(n - 1, (1 + LEVEL) / 2)
    return Interval(float(np.mean(values)), float(quantile * np.std(values, ddof=1) / math.sqrt(n)), n)


def paired(values: Mapping[int, float], others: Mapping[int, float]) -> Interval:
    """Return the interval of the differences at the seeds that both have.

    Effects of a seed that are common to both, initialisation and order of the data, cancel.
    """
    return interval([values[seed] - others[seed] for seed in sorted(values.keys() & others.keys())])
