"""Charts of costs: KL against reconstruction, and training time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vae_exp.comparison.charts.chart import Chart, blank, row_legend, row_shades
from vae_exp.comparison.charts.losses import finished_rows
from vae_exp.comparison.rows import Row
from vae_exp.comparison.table import Comparison
from vae_exp.figures.colours import AXES, BARS, INK

LEAST_MINUTES = 120
"""Seconds from which on times are drawn in minutes."""


def reconstruction_against_kl(comparison: Comparison) -> Chart | None:
    """Draw the KL of each run against its reconstruction; on a grey line their sum is constant.

    It is a plane of rate and distortion (Alemi et al. 2018, arXiv 1711.00464): rows that differ in one number alone are
    joined in its order.
    """
    shown = [i for i, row in enumerate(comparison.rows) if row.by_seed("test/kl")]
    if sum(len(comparison.rows[i].finished) for i in shown) < 2:
        return None
    figure = blank()
    axes = figure.subplots()
    shades, ends = row_shades(comparison), []
    for i in shown:
        points = [(run.measures["test/kl"], run.measures["test/reconstruction"]) for run in comparison.rows[i].finished]
        ends.append((*np.mean(points, 0), comparison.label(comparison.rows[i])))
        kl, loss = zip(*points, strict=True)
        axes.scatter(kl, loss, s=36, color=shades[i].light, zorder=3)
    joined = _join(axes, comparison, [comparison.rows[i] for i in shown])
    axes.margins(0.12)
    _lines_of_equal_loss(axes)
    axes.set(xlabel="KL(q(z|x) ‖ p(z)), nats", ylabel="reconstruction, nats")
    first, last = min(ends), max(ends)
    seen = " to ".join(f"KL {x:.1f} and reconstruction {y:.1f} ({name})" for x, y, name in (first, last))
    detail = "nats per image, one point for each run; grey lines: the same test loss"
    detail += f"; joined in the order of {comparison.short(joined)}" if joined else ""
    legend = row_legend(comparison, shown)
    return Chart("Reconstruction against KL, test images", detail, f"from {seen}", figure, legend, shades)


def _join(axes: Axes, comparison: Comparison, rows: Sequence[Row]) -> str | None:
    """Join the means of rows that differ in a single number, in its order; return its key, if there is one.

    Rows without the key, such as `objective.beta` of `iwae`, stay alone.
    """
    numbers = [key for key in comparison.keys if all(type(row.config.get(key, 0)) in (int, float) for row in rows)]
    key = min(numbers, key=lambda name: not name.startswith("objective."), default=None)
    groups: dict[str, list[Row]] = {}
    for row in (row for row in rows if key in row.config):
        others = [row.config.get(other) for other in comparison.keys if other != key]
        groups.setdefault(repr(others), []).append(row)
    for group in groups.values():
        group.sort(key=lambda row: row.config[str(key)])
        means = [[row.interval(f"test/{part}").mean for row in group] for part in ("kl", "reconstruction")]
        axes.plot(*means, color=INK.light, linewidth=0.8, zorder=2)
    return key if any(len(group) > 1 for group in groups.values()) else None


def _lines_of_equal_loss(axes: Axes) -> None:
    x, y = axes.get_xlim(), axes.get_ylim()
    losses = MaxNLocator(8).tick_values(x[0] + y[0], x[1] + y[1])
    axes.grid(visible=False)
    for loss in losses:
        axes.plot(x, [loss - each for each in x], color=AXES.light, linewidth=0.7, zorder=1)
    axes.set(xlim=x, ylim=y)


def training_time(comparison: Comparison) -> Chart | None:
    """Draw the training time of each configuration: the mean as a bar, each run as a dot."""
    rows = finished_rows(comparison, "seconds")
    if len(rows) < 2:
        return None
    figure = blank(50 + 20 * len(rows))
    axes = figure.subplots()
    means = [row.interval("seconds").mean for row in rows]
    unit, seconds = ("minutes", 60) if max(means) >= LEAST_MINUTES else ("seconds", 1)
    means = [mean / seconds for mean in means]
    axes.barh(range(len(rows)), means, color=BARS.light, height=0.7)
    for place, row in enumerate(rows):
        times = [time / seconds for time in row.by_seed("seconds").values()]
        axes.plot(times, [place] * len(times), "o", color=INK.light, markersize=3)
    axes.set_yticks(range(len(rows)), [comparison.label(row) for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    ends = (f"{means[i]:.1f} {unit} ({comparison.label(rows[i])})" for i in (np.argmin(means), np.argmax(means)))
    detail = f"{unit}, evaluation of every epoch included; a dot a run"
    return Chart("Training time", detail, "between {} and {}".format(*ends), figure)
