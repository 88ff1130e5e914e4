"""Charts of a search: its history, the loss against each key, the importance of the keys, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from vae_exp.comparison.charts.axis import are_numbers, lay_out, places_of
from vae_exp.comparison.charts.chart import Chart, Entry, blank
from vae_exp.comparison.searched import Searched
from vae_exp.figures.colours import AXES, BARS, INK, Shade, configurations

MOST_LISTED = 24
"""Largest number of values of a key that are written along an axis; with more, the axis has ordinary ticks."""


def of_search(found: Searched) -> dict[str, Chart]:
    """Return the charts of a search by name; empty charts are left out."""
    if not found.course:
        return {}
    charts = {"search_course": course(found), "search_front": front(found), "search_importance": importance(found)}
    charts |= {f"search_key_{i}": against(found, key) for i, key in enumerate(found.keys)}
    return {name: chart for name, chart in charts.items() if chart is not None}


def course(found: Searched) -> Chart:
    """Draw the lowest value so far against the epochs of all trials; a dotted line marks the start of a rung.

    Values of different rungs are compared: a step at a dotted line is what more epochs brought.
    """
    figure = blank()
    axes = figure.subplots()
    spent, lowest = zip(*found.course, strict=True)
    axes.step([*spent, found.spent[-1]], [*lowest, lowest[-1]], where="post", color=INK.light, linewidth=1.4)
    axes.plot(spent, lowest, "o", color=INK.light, markersize=4)
    for start in found.spent[:-1]:
        axes.axvline(start, color=AXES.light, linewidth=0.9, linestyle=":")
    axes.set(xlabel="epochs spent by all trials", ylabel=f"lowest {found.measures[0]} so far, nats")
    title = f"Course of the search: {found.measures[0]}"
    rungs = ", ".join(map(str, found.rungs))
    detail = f"nats per image; rungs at epoch {rungs} of each trial; dotted: the next one begins"
    seen = f"{lowest[0]:.1f} with {spent[0]} of {found.spent[-1]} epochs spent, {lowest[-1]:.1f} with {spent[-1]}"
    return Chart(title, detail, f"the lowest {found.measures[0]} so far is {seen}", figure)


def against(found: Searched, key: str) -> Chart:
    """Draw the first measure of each trial against a key, at each rung that it reached; each rung has its colour."""
    figure = blank()
    axes = figure.subplots()
    order = values_of(found, key)
    places = dict(zip(order, places_of(order), strict=True))
    top, is_cut = _top([value[0] for rung in range(len(found.rungs)) for _, value in found.at(rung)])
    shades = _shades(found)
    for rung, shade in enumerate(shades):
        for marker, is_above in (("o", False), ("^", True)):
            chosen = [(trial, value[0]) for trial, value in found.at(rung) if (value[0] > top) == is_above]
            x, y = [places[trial.point[key]] for trial, _ in chosen], [min(value, top) for _, value in chosen]
            axes.scatter(x, y, s=16 + 12 * rung, color=shade.light, marker=marker, zorder=2 + rung, clip_on=False)
    _scale(axes, order, key in found.ratios)
    axes.set(xlabel=key, ylabel=f"{found.measures[0]}, nats")
    detail = "nats per image, a point a trial and rung" + ("; ▲ is above the chart" if is_cut else "")
    return Chart(f"{found.measures[0]} against {key}", detail, _lowest(found, key), figure, _legend(found), shades)


def values_of(found: Searched, key: str) -> list[float | str]:
    """Return the tried values of a key: numbers in ascending order, others in the order of the trials."""
    values = list(dict.fromkeys(trial.point[key] for trial in found.trials))
    return sorted(values) if are_numbers(values) else values


def _scale(axes: Axes, order: Sequence[float | str], by_ratios: bool) -> None:
    """Scale the horizontal axis: few values are labelled themselves, otherwise there are regular ticks."""
    if not by_ratios and (not are_numbers(order) or len(order) <= MOST_LISTED):
        lay_out(axes, order)
        return
    if by_ratios:
        axes.set_xscale("log")
        is_short = float(order[-1]) < 100 * float(order[0])
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if is_short else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: f"{place:g}"))


def _top(values: Sequence[float]) -> tuple[float, bool]:
    """Return the upper limit of an axis, and whether values are above it: those beyond Tukey's fence are left out."""
    low, high = np.quantile(values, [0.25, 0.75])
    inside = [value for value in values if value <= high + 1.5 * (high - low)]
    return max(inside), len(inside) < len(values)


def _lowest(found: Searched, key: str) -> str:
    """Return the best value of a key in each rung."""
    parts = []
    for rung, epoch in enumerate(found.rungs):
        if reached := found.at(rung):
            trial, value = min(reached, key=lambda pair: pair[1][0])
            where = trial.point[key]
            name = f"{where:.3g}" if isinstance(where, float) else str(where)
            parts.append(f"{value[0]:.1f} at {key}={name} (epoch {epoch})")
    return f"the lowest {found.measures[0]} is " + ", ".join(parts)


def _shades(found: Searched) -> list[Shade]:
    return configurations(len(found.rungs), is_ordered=True)


def _legend(found: Searched) -> list[Entry]:
    counts = [len(found.at(rung)) for rung in range(len(found.rungs))]
    shown = zip(found.rungs, counts, _shades(found), strict=True)
    return [Entry(f"epoch {epoch}, {_trials(count)}", shade) for epoch, count, shade in shown if count]


def _trials(count: int) -> str:
    return f"{count} trial{'s' * (count != 1)}"


def importance(found: Searched) -> Chart | None:
    """Draw the importance of each key for being among the best of the first rung."""
    if not found.importances:
        return None
    ranked = sorted(found.importances.items(), key=lambda pair: -pair[1])
    figure = blank(60 + 22 * len(ranked))
    axes = figure.subplots()
    names, shares = zip(*ranked, strict=True)
    axes.barh(range(len(names)), shares, color=BARS.light, height=0.7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="share of the importance", xlim=(0, max(*shares, 0.01)))
    detail = f"PED-ANOVA of epoch {found.rungs[0]} alone: no direction, no interaction of keys, nothing of longer runs"
    seen = ", ".join(f"{name} {share:.2f}" for name, share in ranked)
    return Chart("Importance of each key", detail, seen, figure)


def front(found: Searched) -> Chart | None:
    """Draw one measure against the other at each rung; the Pareto front of the last rung is joined."""
    if len(found.measures) < 2:
        return None
    figure = blank()
    axes = figure.subplots()
    shades = _shades(found)
    for rung, shade in enumerate(shades):
        across, up = ([value[i] for _, value in found.at(rung)] for i in (0, 1))
        axes.scatter(across, up, s=16 + 12 * rung, color=shade.light, zorder=2 + rung)
    last = max(rung for rung in range(len(found.rungs)) if found.at(rung))
    best = sorted((*value, trial.number) for trial, value in found.at(last) if trial.number in found.front)
    axes.plot([x for x, _, _ in best], [y for _, y, _ in best], color=INK.light, linewidth=1.0, zorder=2)
    for x, y, number in best:
        axes.annotate(str(number), (x, y), (5, 5), textcoords="offset points", fontsize=10)
    axes.margins(0.1)
    axes.set(xlabel=f"{found.measures[0]}, nats", ylabel=f"{found.measures[1]}, nats")
    detail = "nats per image, a point a trial and rung; joined, with the numbers of its trials: "
    detail += f"the front at epoch {found.rungs[last]}"
    seen = ", ".join(f"trial {number} has {x:.1f} and {y:.1f}" for x, y, number in best[:10])
    return Chart(f"Pareto front of {' and '.join(found.measures)}", detail, seen, figure, _legend(found), shades)
