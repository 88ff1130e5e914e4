"""Charts of the loss: against the swept value, by configuration, and by pairs of values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from vae_exp.comparison.charts.axis import are_numbers, lay_out, places_of, values_of
from vae_exp.comparison.charts.chart import Chart, Entry, blank
from vae_exp.comparison.intervals import Interval
from vae_exp.comparison.rows import Row
from vae_exp.comparison.table import Comparison
from vae_exp.comparison.values import texts_of
from vae_exp.figures.colours import SPLITS, Shade, configurations

LOSS = "test/loss"
DASHES = {"val/loss": "dashed", LOSS: "solid"}


def finished_rows(comparison: Comparison, measure: str = LOSS) -> list[Row]:
    """Return the rows that have a measure."""
    return [row for row in comparison.rows if row.by_seed(measure)]


def loss_by_value(comparison: Comparison) -> Chart | None:
    """Draw validation and test loss against the swept value; of two keys, one has a line for each value."""
    rows = finished_rows(comparison)
    if len(comparison.keys) not in (1, 2) or len(rows) < 2:
        return None
    along, *others = sorted(comparison.keys, key=lambda key: -len(values_of(rows, key)))
    figure = blank()
    axes = figure.subplots()
    values = values_of(rows, along)
    legend, seen, shades = [], [], _line_shades(rows, others)
    for number, value in enumerate(values_of(rows, others[0]) if others else [None]):
        chosen = [row for row in rows if not others or row.value(others[0]) == value]
        chosen.sort(key=lambda row: values.index(row.value(along)))
        places = [places_of(values)[values.index(row.value(along))] for row in chosen]
        name = f"{comparison.short(others[0])}={comparison.text(others[0], chosen[0])}, " if others else ""
        for measure, dashes in DASHES.items():
            split = measure.partition("/")[0]
            shade = shades[number] if others else SPLITS[split]
            entry = Entry(name + split, shade, dashes)
            legend += [entry] * _line(axes, places, chosen, measure, entry)
        seen.append(name + _course(comparison, along, chosen))
    lay_out(axes, values)
    axes.set(xlabel=along, ylabel="negative ELBO, nats")
    title = f"Loss against {comparison.short(along)}"
    return Chart(title, _nats(comparison), "; ".join(seen[:4]), figure, legend, shades)


def _line_shades(rows: Sequence[Row], others: Sequence[str]) -> list[Shade]:
    if not others:
        return []
    values = values_of(rows, others[0])
    return configurations(len(values), is_ordered=are_numbers(values))


def _line(axes: Axes, places: Sequence[float], rows: Sequence[Row], measure: str, entry: Entry) -> bool:
    """Draw a measure's means with their intervals; return whether every row has it."""
    found = [row.interval(measure) for row in rows]
    if not all(each.values for each in found):
        return False
    means = [each.mean for each in found]
    look: dict[str, Any] = {"linestyle": entry.dashes, "color": entry.shade.light, "marker": "o", "ms": 4, "capsize": 3}
    axes.errorbar(places, means, halves(found), label=entry.name, **look)
    return True


def _course(comparison: Comparison, along: str, rows: Sequence[Row]) -> str:
    """Return a description of the test loss: `test loss falls from 162.6 at latent_dim=2 to 138.5 at 4`."""
    first, last = rows[0], rows[-1]
    one, other = first.interval(LOSS).mean, last.interval(LOSS).mean
    at = f"{comparison.short(along)}={comparison.text(along, first)}"
    if first is last:
        return f"test loss is {one:.1f} at {at}"
    way = "falls" if other < one else "rises"
    return f"test loss {way} from {one:.1f} at {at} to {other:.1f} at {comparison.text(along, last)}"


def _nats(comparison: Comparison) -> str:
    """Return the unit of a point, and what its interval is."""
    return "nats per image" + (", mean over seeds with 95 % intervals" if comparison.has_seeds else "")


def halves(found: Sequence[Interval]) -> list[float] | None:
    """Return the half widths of intervals, 0 for an unknown one; None when all are unknown."""
    known = [0 if math.isnan(each.half) else each.half for each in found]
    return known if any(known) else None


def loss_by_configuration(comparison: Comparison) -> Chart | None:
    """Draw validation and test loss of each configuration, the best by validation first."""
    rows = finished_rows(comparison)
    if len(comparison.keys) < 3 or len(rows) < 2:
        return None
    rows.sort(key=lambda row: (row.interval("val/loss") if row.by_seed("val/loss") else row.interval(LOSS)).mean)
    figure = blank(50 + 20 * len(rows))
    axes = figure.subplots()
    for split, shift in (("val", -0.15), ("test", 0.15)):
        shown = [
            (i + shift, row.interval(f"{split}/loss")) for i, row in enumerate(rows) if row.by_seed(f"{split}/loss")
        ]
        places, found = zip(*shown, strict=True) if shown else ((), ())
        look: dict[str, Any] = {"fmt": "o", "color": SPLITS[split].light, "ms": 4, "capsize": 3, "label": split}
        axes.errorbar([each.mean for each in found], places, xerr=halves(found), **look)
    axes.set_yticks(range(len(rows)), [comparison.label(row) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("negative ELBO, nats")
    ends = " to ".join(f"{row.interval(LOSS).mean:.1f} ({comparison.label(row)})" for row in (rows[0], rows[-1]))
    legend = [Entry(name, SPLITS[name]) for name in ("val", "test")]
    return Chart("Loss of each configuration", _nats(comparison), f"test loss from {ends}", figure, legend)


def heat_map(comparison: Comparison) -> Chart | None:
    """Draw the test loss of every pair of two swept values."""
    rows = finished_rows(comparison)
    if len(comparison.keys) != 2 or len(rows) < 4:
        return None
    down, across = comparison.keys
    ys, xs = values_of(rows, down), values_of(rows, across)
    losses = np.full((len(ys), len(xs)), math.nan)
    for row in rows:
        losses[ys.index(row.value(down)), xs.index(row.value(across))] = row.interval(LOSS).mean
    figure = blank(max(150, 44 * len(ys) + 60))
    axes = figure.subplots()
    names: dict[str, Any] = {"xticklabels": texts_of(xs), "yticklabels": texts_of(ys)}
    names |= {"annot_kws": {"size": 10}, "cbar_kws": {"label": "test loss, nats"}}
    sns.heatmap(losses, annot=True, fmt=".1f", cmap="viridis_r", ax=axes, linewidths=1, **names)
    axes.tick_params(axis="y", labelrotation=0)
    axes.set(xlabel=across, ylabel=down)
    detail = "nats per image, mean over seeds" if comparison.has_seeds else "nats per image"
    detail += "; empty if none is" if np.isnan(losses).any() else ""
    low, high = (pick(rows, key=lambda row: row.interval(LOSS).mean) for pick in (min, max))
    ends = (f"{row.interval(LOSS).mean:.1f} at {comparison.label(row)}" for row in (low, high))
    title = f"Test loss by {comparison.short(down)} and {comparison.short(across)}"
    return Chart(title, detail, "test loss is lowest with {} and highest with {}".format(*ends), figure)
