"""A chart: a figure of matplotlib, with the title, the legend and the colours that the page adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from vae_exp.comparison.table import Comparison
from vae_exp.figures.colours import Shade, configurations

WIDTH, HEIGHT = 440, 270
"""Size of a chart in its own units; letters are 11 units high. The page shows it at most 620 pixels wide."""
MOST_NAMES = 20
"""Largest number of entries of a legend."""


@dataclass(frozen=True)
class Entry:
    """A line of a legend: name, colour and dashes (`solid`, `dashed`, `dotted`)."""

    name: str
    shade: Shade
    dashes: str = "solid"


@dataclass(frozen=True)
class Chart:
    """One chart of the report."""

    title: str
    detail: str
    """Units, split and intervals."""
    seen: str
    """A description for screen readers."""
    figure: Figure
    legend: Sequence[Entry] = ()
    shades: Sequence[Shade] = field(default=())
    """Colours of the chart, besides those of splits, text and axes."""


def blank(height: float = HEIGHT) -> Figure:
    """Return an empty figure of WIDTH × height units."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    return figure


def row_shades(comparison: Comparison) -> list[Shade]:
    """Return a colour for each row: by the swept value if it is a single number, else by the rows' order."""
    rows = comparison.rows
    values = [row.config.get(comparison.keys[0]) for row in rows] if len(comparison.keys) == 1 else []
    if not values or not all(type(value) in (int, float) for value in values):
        return configurations(len(rows), is_ordered=False)
    ramp = configurations(len(rows), is_ordered=True)
    ranks = sorted(range(len(rows)), key=lambda i: values[i])  # type: ignore[arg-type, return-value]
    return [shade for _, shade in sorted(zip(ranks, ramp, strict=True))]


def row_legend(comparison: Comparison, shown: Sequence[int]) -> list[Entry]:
    """Return the legend of these rows; empty when there are too many."""
    shades = row_shades(comparison)
    few = shown if len(shown) <= MOST_NAMES else ()
    return [Entry(comparison.label(comparison.rows[i]), shades[i]) for i in few]
