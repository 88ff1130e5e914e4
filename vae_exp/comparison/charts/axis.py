"""Positions of the values of a swept key along an axis, and which of them are labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from vae_exp.comparison.rows import Row
from vae_exp.comparison.values import texts_of

LETTER = 6.6
"""Width of a letter of a tick, in a chart's units."""
TICKS = 330
"""Approximate length of an axis, in a chart's units."""


def values_of(rows: Sequence[Row], key: str) -> list[Any]:
    """Return the values of a key: numbers in ascending order, others in the rows' order."""
    found = list({repr(row.value(key)): row.value(key) for row in rows}.values())
    return sorted(found) if are_numbers(found) else found


def are_numbers(values: Sequence[Any]) -> bool:
    """Return whether all values are finite numbers."""
    return all(type(value) in (int, float) and math.isfinite(value) for value in values)


def is_log(values: Sequence[float]) -> bool:
    """Return whether ascending numbers are spaced more evenly by their logarithms: 2, 4, 8 or 1e-4, 1e-3."""
    if len(values) < 3 or values[0] <= 0:
        return len(values) == 2 and values[0] > 0 and values[1] >= 10 * values[0]
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(steps.max() / steps.min() > ratios.max() / ratios.min())


def places_of(values: Sequence[Any]) -> list[float]:
    """Return the position of each value: a number is its own position, others are numbered in order."""
    return list(map(float, values)) if are_numbers(values) else [float(i) for i in range(len(values))]


def lay_out(axes: Axes, values: Sequence[Any]) -> None:
    """Scale the horizontal axis for these values, and label as many of them as don't overlap."""
    places = places_of(values)
    names = texts_of(values)
    if are_numbers(values) and is_log(values):
        axes.set_xscale("log")
    position = np.log(places) if axes.get_xscale() == "log" else np.array(places)
    across = (position - position[0]) / ((position[-1] - position[0]) or 1) * TICKS
    is_steep = not are_numbers(values) and sum(map(len, names)) * LETTER > TICKS
    widths = [2.0 * LETTER if is_steep else LETTER * (len(name) + 1) for name in names]
    shown = apart(across.tolist(), widths)
    axes.xaxis.set_major_locator(FixedLocator([places[i] for i in shown]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([places[i] for i in shown], [names[i] for i in shown])
    if is_steep:
        axes.tick_params(axis="x", labelrotation=35)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")


def apart(places: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Return which of the texts at these ascending positions can be written without overlap; the ends come first."""
    last = len(places) - 1
    shown = [0]
    for i in range(1, last):
        free = places[i] - places[shown[-1]] >= (widths[i] + widths[shown[-1]]) / 2
        if free and places[last] - places[i] >= (widths[i] + widths[last]) / 2:
            shown.append(i)
    return [*shown, last] if last > 0 else shown
