"""`latent.png`: where the posterior means lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vae_exp.figures.palette import Palette
from vae_exp.figures.sheet import sheet
from vae_exp.figures.subject import Floats, Subject

MOST = 5
"""Dimensions of the largest pair plot."""
BINS = 60
Labels = NDArray[np.int64] | None


def draw_latent(subject: Subject) -> Figure:
    """Draw the posterior means of the test images by label: a histogram, a scatter plot or a pair plot."""
    codes, what = subject.test_codes, subject.described("test")
    palette = Palette.of(codes.labels, subject.splits.classes)
    detail = f"posterior means E[z|x] of {len(codes.means):,} {what}"
    title = f"Latent space: {subject.title}"
    if codes.means.shape[1] == 1:
        return histogram(codes.means[:, 0], codes.labels, palette, title, detail)
    if codes.means.shape[1] == 2:
        return scatter(codes.means, codes.labels, palette, title, detail)
    dims = codes.most_active(MOST)
    if codes.means.shape[1] > MOST:
        detail += f"; the {MOST} dimensions whose means vary most, of {codes.means.shape[1]}"
    return pair_plot(codes.means[:, dims], dims, codes.labels, palette, title, detail)


def histogram(values: Floats, labels: Labels, palette: Palette, title: str, detail: str) -> Figure:
    """Return a histogram of values (N,), stacked by label."""
    figure = sheet(800, 420, title, detail)
    axes = figure.add_subplot()
    palette.histogram(axes, values, labels, BINS)
    axes.set(xlabel=axis_name(0), ylabel="images in a bin")
    axes.grid(visible=False, axis="x")
    palette.legend(figure, [axes])
    return figure


def scatter(points: Floats, labels: Labels, palette: Palette, title: str, detail: str) -> Figure:
    """Return a scatter plot of points (N, 2) by label; a nat of distance is as long across as up."""
    figure = sheet(800, 700, title, detail)
    axes = figure.add_subplot()
    palette.scatter(axes, points[:, 0], points[:, 1], labels, point_size(len(points)))
    axes.set(xlabel=axis_name(0), ylabel=axis_name(1), aspect="equal", adjustable="datalim")
    palette.legend(figure, [axes])
    return figure


def pair_plot(points: Floats, dims: Sequence[int], labels: Labels, palette: Palette, title: str, detail: str) -> Figure:
    """Return every pair of the dimensions of points (N, k), and a histogram of each; `dims` are their numbers."""
    k = len(dims)
    figure = sheet(880, 820, title, detail)
    grid = figure.subplots(k, k, sharex="col", squeeze=False)
    for row in range(k):
        for column in range(k):
            axes = grid[row, column]
            if row < column:
                axes.set_visible(False)
            elif row == column:
                palette.histogram(axes, points[:, row], labels, BINS // 2)
            else:
                size = point_size(len(points)) / 4
                palette.scatter(axes, points[:, column], points[:, row], labels, size)
            _name(axes, dims, row, column)
    palette.legend(figure, grid.ravel().tolist())
    return figure


def _name(axes: Axes, dims: Sequence[int], row: int, column: int) -> None:
    """Name the axes on the outside alone."""
    axes.label_outer()
    if row == len(dims) - 1:
        axes.set_xlabel(axis_name(dims[column]))
    if column == 0 and row > 0:
        axes.set_ylabel(axis_name(dims[row]))
    if row == column:
        axes.set_yticks([])
        axes.set_ylabel("")


def axis_name(dimension: int) -> str:
    """Return what an axis of the latent space is called; dimensions count from 1."""
    return f"z{dimension + 1}"


def point_size(n: int) -> float:
    """Return the area of a point in square points: smaller where there are many."""
    return float(np.clip(12_000 / n, 3, 14))
