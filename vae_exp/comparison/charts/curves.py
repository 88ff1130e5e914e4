"""Charts against the epoch: the loss of every run, or all parts of the loss of a single one."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes

from vae_exp.comparison.charts.chart import Chart, Entry, blank, row_legend, row_shades
from vae_exp.comparison.runs import Run
from vae_exp.comparison.table import Comparison
from vae_exp.config import SPLITS
from vae_exp.figures import loss_curves
from vae_exp.figures.colours import SPLITS as SHADES
from vae_exp.figures.colours import Shade
from vae_exp.figures.loss_curves import PARTS, epoch_ticks, limits_after_the_fall, points_of

MOST_CURVES = 100
"""Largest number of curves of a chart: more can't be distinguished, and are slow to draw."""


def learning_curves(comparison: Comparison) -> Chart | None:
    """Draw the loss of every run against the epoch, unfinished runs dotted."""
    every = {record_key for run in comparison.runs for record in run.records for record_key in record}
    key = next((key for key in ("val/loss", "test/loss", "train/loss") if key in every), None)
    if key is None or len(comparison.runs) < 2:
        return None
    limits, is_cut = limits_after_the_fall(points_of([r for run in comparison.runs for r in run.records], [key]))
    figure = blank()
    axes = figure.subplots()
    shades = row_shades(comparison)
    chosen = {id(run) for run in comparison.foremost[:MOST_CURVES]}
    for row, shade in zip(comparison.rows, shades, strict=True):
        for run in row.runs:
            if id(run) in chosen:
                _curve(axes, run, key, shade)
    axes.set(xlabel="epoch", ylabel="negative ELBO, nats", ylim=limits)
    axes.xaxis.set_major_locator(epoch_ticks())
    detail = "nats per image" + ("; the first epochs are cut off at the top" if is_cut else "")
    detail += "" if all(run.is_finished for run in comparison.runs) else "; dotted: not finished"
    if (count := len(comparison.runs)) > MOST_CURVES:
        detail += f"; {MOST_CURVES} of {count} runs, the best configurations first, one seed each"
    legend = row_legend(comparison, range(len(shades)))
    return Chart(f"Learning curves: {key}", detail, _ends(comparison, key), figure, legend, shades)


def _curve(axes: Axes, run: Run, key: str, shade: Shade) -> None:
    points = points_of(run.records, [key])
    if points:
        dashes, marker = "-" if run.is_finished else ":", "o" if len(points) == 1 else ""
        axes.plot(*zip(*points, strict=True), dashes, marker=marker, color=shade.light, linewidth=1.4)


def _ends(comparison: Comparison, key: str) -> str:
    """Return the lowest and the highest end of the curves, as text."""
    last = [(points_of(run.records, [key])[-1][1], run) for run in comparison.runs if points_of(run.records, [key])]
    low, high = (pick(last, key=lambda pair: pair[0]) for pick in (min, max))
    ends = " and ".join(f"{value:.1f} ({comparison.run_label(run)})" for value, run in (low, high))
    return f"{key} of {len(last)} runs, which end between {ends}"


def single(part: str) -> Callable[[Comparison], Chart | None]:
    """Return a function that draws a part of the loss of a single run, with a curve for each split."""

    def chart(comparison: Comparison) -> Chart | None:
        keys = [f"{split}/{part}" for split in SPLITS]
        records = comparison.runs[0].records
        if len(comparison.runs) > 1 or not (points := points_of(records, keys)):
            return None
        limits, is_cut = limits_after_the_fall(points)
        figure = blank()
        axes = figure.subplots()
        shown = [split for split in SPLITS if points_of(records, [f"{split}/{part}"])]
        for split in shown:
            curve = zip(*points_of(records, [f"{split}/{part}"]), strict=True)
            axes.plot(*curve, loss_curves.DASHES[split], color=SHADES[split].light, linewidth=1.4)
        axes.set(xlabel="epoch", ylabel=f"{PARTS[part]}, nats", ylim=limits)
        axes.xaxis.set_major_locator(epoch_ticks())
        detail = "nats per image; training values are means over the epoch while it trains"
        detail += "; the first epochs are cut off at the top" if is_cut else ""
        dashes = {"-": "solid", "--": "dashed", ":": "dotted"}
        legend = [Entry(split, SHADES[split], dashes[loss_curves.DASHES[split]]) for split in shown]
        return Chart(
            f"{part.capitalize() if part != 'kl' else 'KL'} by epoch", detail, _course(comparison, part), figure, legend
        )

    return chart


def _course(comparison: Comparison, part: str) -> str:
    """Return the first and the last value of each split's curve, as text."""
    found = []
    for split in SPLITS:
        points = points_of(comparison.runs[0].records, [f"{split}/{part}"])
        if points:
            found.append(f"{split} {part} goes from {points[0][1]:.1f} to {points[-1][1]:.1f} nats")
    return ", ".join(found)
