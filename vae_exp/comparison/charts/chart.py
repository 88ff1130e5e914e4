"""A chart: a figure of matplotlib's, with the words and colours that the page writes around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from vae_exp.comparison.table import Comparison
from vae_exp.figures.colours import Shade, configurations

WIDTH, HEIGHT = 440, 270
"""Size of a chart in its own units, of which its letters are 11 high; the page shows it 620 pixels wide at most."""
MOST_NAMES = 20
"""Entries of a legend that can be told apart."""


@dataclass(frozen=True)
class Entry:
    """A line of a legend: a name, the colour it stands for, and the dashes (`solid`, `dashed`, `dotted`)."""

    name: str
    shade: Shade
    dashes: str = "solid"


@dataclass(frozen=True)
class Chart:
    """One chart of the report."""

    title: str
    detail: str
    """What is drawn: units, split, intervals."""
    seen: str
    """What is to be seen, for who can't see it."""
    figure: Figure
    legend: Sequence[Entry] = ()
    shades: Sequence[Shade] = field(default=())
    """Colours that are drawn with, beside those of splits, letters and axes."""


def blank(height: float = HEIGHT) -> Figure:
    """Return an empty figure of WIDTH × height units."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    return figure


def row_shades(comparison: Comparison) -> list[Shade]:
    """Return a colour for each row: by the size of the swept value where it is one number, else by the rows' order."""
    rows = comparison.rows
    values = [row.config.get(comparison.keys[0]) for row in rows] if len(comparison.keys) == 1 else []
    if not values or not all(type(value) in (int, float) for value in values):
        return configurations(len(rows), is_ordered=False)
    ramp = configurations(len(rows), is_ordered=True)
    ranks = sorted(range(len(rows)), key=lambda i: values[i])  # type: ignore[arg-type, return-value]
    return [shade for _, shade in sorted(zip(ranks, ramp, strict=True))]


def row_legend(comparison: Comparison, shown: Sequence[int]) -> list[Entry]:
    """Return what names the rows of these numbers; nothing where they are too many to be told apart."""
    shades = row_shades(comparison)
    few = shown if len(shown) <= MOST_NAMES else ()
    return [Entry(comparison.label(comparison.rows[i]), shades[i]) for i in few]
