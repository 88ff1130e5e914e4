"""The charts of the report, each from the table's rows: drawn with matplotlib, in the style of a run's figures."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_exp.comparison.intervals import Interval
from vae_exp.comparison.runs import Run
from vae_exp.comparison.table import Comparison, Row
from vae_exp.config.identity import written
from vae_exp.figures.loss_curves import limits_after_the_fall, points_of
from vae_exp.figures.palette import TEN, legend_beside
from vae_exp.figures.sheet import GREY, sheet, style

WIDTH, HEIGHT = 620, 380
"""Pixels of a chart, without its title."""
MOST_NAMES = 20
"""Configurations that a legend names."""
LOSS = "test/loss"


def draw(comparison: Comparison) -> dict[str, str]:
    """Return the charts as SVG by name; one that has nothing to show is left out."""
    drawn = {}
    with style():
        for name, chart in CHARTS.items():
            if (figure := chart(comparison)) is not None:
                drawn[name] = svg(figure)
    return drawn


def svg(figure: Figure) -> str:
    """Return a figure as SVG whose letters are curves: it looks the same on every machine."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def finished_rows(comparison: Comparison, measure: str = LOSS) -> list[Row]:
    """Return the rows that have a measure."""
    return [row for row in comparison.rows if row.by_seed(measure)]


def colours(comparison: Comparison) -> dict[int, Any]:
    """Return a colour for each row, by its number: ten that are told apart, or shades in the rows' order."""
    count = len(comparison.rows)
    if count <= len(TEN):
        return dict(enumerate(TEN[:count]))
    return {i: colormaps["viridis"](0.95 * i / (count - 1)) for i in range(count)}


def loss_by_value(comparison: Comparison) -> Figure | None:
    """Draw validation and test loss against the swept value; of two keys, one has a line for each of its values."""
    rows = finished_rows(comparison)
    if len(comparison.keys) not in (1, 2) or len(rows) < 2:
        return None
    along, *lines = sorted(comparison.keys, key=lambda key: -len(_values(rows, key)))
    figure = sheet(WIDTH, HEIGHT, f"Loss against {comparison.short(along)}", _nats(comparison))
    axes = figure.subplots()
    values = _values(rows, along)
    for number, value in enumerate(_values(rows, lines[0]) if lines else [None]):
        chosen = [row for row in rows if not lines or row.config.get(lines[0]) == value]
        chosen.sort(key=lambda row: values.index(row.config.get(along)))
        places = [values.index(row.config.get(along)) for row in chosen]
        name = f"{comparison.short(lines[0])}={written(value)}, " if lines else ""
        _line(axes, places, chosen, "val/loss", f"{name}val", "--", TEN[number % len(TEN)] if lines else TEN[2])
        _line(axes, places, chosen, LOSS, f"{name}test", "-", TEN[number % len(TEN)])
    axes.set_xticks(range(len(values)), [written(value) for value in values])
    axes.set(xlabel=along, ylabel="negative ELBO, nats")
    legend_beside(axes, *axes.get_legend_handles_labels())
    return figure


def _line(
    axes: Axes, places: list[int], rows: Sequence[Row], measure: str, name: str, dashes: str, colour: str
) -> None:
    """Draw a measure's means with their intervals; nothing where a row lacks it."""
    found = [row.interval(measure) for row in rows]
    if all(each.values for each in found):
        means = [each.mean for each in found]
        halves = _halves(found)
        axes.errorbar(places, means, halves, label=name, linestyle=dashes, color=colour, marker="o", ms=4, capsize=3)


def _nats(comparison: Comparison) -> str:
    """Return what a point of a loss is."""
    return "nats per image" + (", mean over seeds with 95 % intervals" if comparison.has_seeds else "")


def _halves(found: Sequence[Interval]) -> list[float] | None:
    """Return the half widths of intervals, 0 where one is not known; None where none is."""
    halves = [0 if math.isnan(each.half) else each.half for each in found]
    return halves if any(halves) else None


def _values(rows: Sequence[Row], key: str) -> list[Any]:
    """Return the values of a key: numbers by size, others in the rows' order."""
    found = list({repr(row.config.get(key)): row.config.get(key) for row in rows}.values())
    return sorted(found) if all(type(value) in (int, float) for value in found) else found


def loss_by_configuration(comparison: Comparison) -> Figure | None:
    """Draw validation and test loss of each configuration, the best by validation first, where no axis has them all."""
    rows = finished_rows(comparison)
    if len(comparison.keys) < 3 or len(rows) < 2:
        return None
    rows.sort(key=lambda row: (row.interval("val/loss") if row.by_seed("val/loss") else row.interval(LOSS)).mean)
    figure = sheet(WIDTH, 60 + 24 * len(rows), "Loss of each configuration", _nats(comparison))
    axes = figure.subplots()
    for measure, colour, shift in (("val/loss", TEN[2], -0.15), (LOSS, TEN[0], 0.15)):
        shown = [(place + shift, row.interval(measure)) for place, row in enumerate(rows) if row.by_seed(measure)]
        places, found = zip(*shown, strict=True) if shown else ((), ())
        means, name = [each.mean for each in found], measure.removesuffix("/loss")
        axes.errorbar(means, places, xerr=_halves(found), label=name, fmt="o", color=colour, ms=4, capsize=3)
    axes.set_yticks(range(len(rows)), [comparison.label(row) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("negative ELBO, nats")
    legend_beside(axes, *axes.get_legend_handles_labels())
    return figure


def heat_map(comparison: Comparison) -> Figure | None:
    """Draw the test loss of every pair of two swept values."""
    rows = finished_rows(comparison)
    if len(comparison.keys) != 2 or len(rows) < 4:
        return None
    down, across = comparison.keys
    ys, xs = _values(rows, down), _values(rows, across)
    losses = np.full((len(ys), len(xs)), math.nan)
    for row in rows:
        losses[ys.index(row.config.get(down)), xs.index(row.config.get(across))] = row.interval(LOSS).mean
    title = f"Test loss by {comparison.short(down)} and {comparison.short(across)}"
    detail = "nats per image, mean over seeds" if comparison.has_seeds else "nats per image"
    figure = sheet(
        WIDTH, max(200, 60 * len(ys) + 80), title, detail + ("; empty where none is" if np.isnan(losses).any() else "")
    )
    axes = figure.subplots()
    names = {"xticklabels": list(map(written, xs)), "yticklabels": list(map(written, ys))}
    sns.heatmap(losses, annot=True, fmt=".1f", cmap="viridis_r", ax=axes, linewidths=1, **names)
    axes.tick_params(axis="y", labelrotation=0)
    axes.set(xlabel=across, ylabel=down)
    return figure


def learning_curves(comparison: Comparison) -> Figure | None:
    """Draw the loss of every run against the epoch, those that are not finished with dots."""
    every = {record_key for run in comparison.runs for record in run.records for record_key in record}
    key = next((key for key in ("val/loss", LOSS, "train/loss") if key in every), None)
    if key is None:
        return None
    records = [record for run in comparison.runs for record in run.records]
    limits, is_cut = limits_after_the_fall(points_of(records, [key]))
    detail = "nats per image" + ("; the first epochs are cut off at the top" if is_cut else "")
    detail += "" if all(run.is_finished for run in comparison.runs) else "; dotted: not finished"
    figure = sheet(WIDTH, HEIGHT, f"Learning curves: {key}", detail)
    axes = figure.subplots()
    for number, row in enumerate(comparison.rows):
        for run in row.runs:
            _curve(axes, run, key, comparison.label(row), colours(comparison)[number])
    axes.set(xlabel="epoch", ylabel="negative ELBO, nats", ylim=limits)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name_rows(axes)
    return figure


def _curve(axes: Axes, run: Run, key: str, name: str, colour: Any) -> None:
    points = points_of(run.records, [key])
    if points:
        look = {"linestyle": "-" if run.is_finished else ":", "linewidth": 1.2, "color": colour}
        axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) == 1 else None, **look)


def _name_rows(axes: Axes) -> None:
    """Name each row once, or none where they are too many to be told apart."""
    handles, names = axes.get_legend_handles_labels()
    first = dict(zip(reversed(names), reversed(handles), strict=True))
    if len(first) <= MOST_NAMES:
        legend_beside(axes, list(reversed(first.values())), list(reversed(first)))


def reconstruction_against_kl(comparison: Comparison) -> Figure | None:
    """Draw what each run pays for its codes against what they are good for; on a grey line the sum is the same."""
    rows = finished_rows(comparison, "test/kl")
    if not rows:
        return None
    detail = "nats per image, a point a run; grey lines: the same test loss"
    figure = sheet(WIDTH, HEIGHT, "Reconstruction against KL, test images", detail)
    axes = figure.subplots()
    for number, row in enumerate(comparison.rows):
        points = [(run.measures["test/kl"], run.measures["test/reconstruction"]) for run in row.finished]
        if row in rows:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, s=36, color=colours(comparison)[number], label=comparison.label(row), zorder=3)
    axes.margins(0.12)
    _lines_of_equal_loss(axes)
    axes.set(xlabel="KL(q(z|x) ‖ p(z)), nats", ylabel="reconstruction, nats")
    _name_rows(axes)
    return figure


def _lines_of_equal_loss(axes: Axes) -> None:
    x, y = axes.get_xlim(), axes.get_ylim()
    losses = MaxNLocator(8).tick_values(x[0] + y[0], x[1] + y[1])
    for loss in losses:
        axes.plot(x, [loss - each for each in x], color="#CCCCCC", linewidth=0.8, zorder=1)
    axes.set(xlim=x, ylim=y)


def training_time(comparison: Comparison) -> Figure | None:
    """Draw how long each configuration trained: the mean as a bar, each run as a dot."""
    rows = finished_rows(comparison, "seconds")
    if not rows:
        return None
    figure = sheet(
        WIDTH, 60 + 24 * len(rows), "Training time", "minutes, evaluation of every epoch included; a dot a run"
    )
    axes = figure.subplots()
    for place, row in enumerate(rows):
        minutes = [seconds / 60 for seconds in row.by_seed("seconds").values()]
        axes.barh(place, float(np.mean(minutes)), color="#BBD3EE", height=0.7)
        axes.plot(minutes, [place] * len(minutes), "o", color=GREY, markersize=3)
    axes.set_yticks(range(len(rows)), [comparison.label(row) for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("minutes")
    return figure


CHARTS: dict[str, Callable[[Comparison], Figure | None]] = {
    "loss_by_value": loss_by_value,
    "loss_by_configuration": loss_by_configuration,
    "heat_map": heat_map,
    "learning_curves": learning_curves,
    "reconstruction_against_kl": reconstruction_against_kl,
    "training_time": training_time,
}
