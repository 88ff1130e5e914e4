"""Points in a latent space or in a layout of it, and the plots of them that suit one, two and more dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vae_exp.figures.palette import Labels, Palette
from vae_exp.figures.sheet import DPI, sheet
from vae_exp.figures.subject import Floats

BINS = 60
LEFT, BELOW, RIGHT, ABOVE = 76, 56, 14, 10
"""Pixels around a pair plot."""
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Cloud:
    """Points to be drawn, with what the figure says about them."""

    points: Floats
    """(N, k)."""
    axes: Sequence[str]
    """Names of the k axes; empty strings where the coordinates mean nothing by themselves."""
    labels: Labels
    palette: Palette
    title: str
    detail: str

    @property
    def size(self) -> float:
        """Return the area of a point in square points of print: smaller where there are many."""
        return float(np.clip(12_000 / len(self.points), 3, 14))


def axis_name(dimension: int) -> str:
    """Return what an axis of the latent space is called; dimensions count from 1."""
    return "z" + str(dimension + 1).translate(SUBSCRIPTS)


def plot(cloud: Cloud) -> Figure:
    """Return a histogram of one dimension, a scatter plot of two, and every pair of more."""
    match cloud.points.shape[1]:
        case 1:
            return histogram(cloud)
        case 2:
            return scatter(cloud)
        case _:
            return pair_plot(cloud)


def histogram(cloud: Cloud) -> Figure:
    """Return how many points (N, 1) fall into each bin, stacked by label."""
    figure = sheet(800, 480, cloud.title, cloud.detail)
    axes = figure.add_subplot()
    cloud.palette.histogram(axes, cloud.points[:, 0], cloud.labels, BINS)
    axes.set(xlabel=cloud.axes[0], ylabel="images in a bin")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=False, axis="x")
    cloud.palette.legend(figure, axes)
    return figure


def scatter(cloud: Cloud) -> Figure:
    """Return points (N, 2) by label; one unit is as long across as up."""
    figure = sheet(800, 700, cloud.title, cloud.detail)
    axes = figure.add_subplot()
    cloud.palette.scatter(axes, cloud.points, cloud.labels, cloud.size)
    axes.set(xlabel=cloud.axes[0], ylabel=cloud.axes[1], aspect="equal", adjustable="datalim")
    if not any(cloud.axes):
        axes.set(xticks=[], yticks=[])
    cloud.palette.legend(figure, axes)
    return figure


def pair_plot(cloud: Cloud) -> Figure:
    """Return each pair of dimensions of points (N, k) once, below a diagonal of their histograms."""
    k = len(cloud.axes)
    figure = sheet(880, 840, cloud.title, cloud.detail)
    grid = _triangle(figure, k, 880, 840)
    for row in range(k):
        cloud.palette.histogram(grid[row, row], cloud.points[:, row], cloud.labels, BINS // 2)
        grid[row, row].set(yticks=[])
        for column in range(row):
            pair = cloud.points[:, [column, row]]
            cloud.palette.scatter(grid[row, column], pair, cloud.labels, cloud.size / 4)
    for i, name in enumerate(cloud.axes):
        grid[-1, i].set_xlabel(name)
        grid[i, 0].set_ylabel(name if i > 0 else "")
    figure.align_ylabels(grid[:, 0])
    cloud.palette.legend_in_corner(figure, grid[0, -1])
    return figure


def _triangle(figure: Figure, k: int, width: int, height: int) -> NDArray[np.object_]:
    """Return axes (k, k) in the lowest `height` pixels of a figure, with those above the diagonal hidden."""
    figure.set_layout_engine("none")
    total = figure.get_figheight() * DPI
    place = {"left": LEFT / width, "right": 1 - RIGHT / width, "bottom": BELOW / total, "top": (height - ABOVE) / total}
    gaps = {"wspace": 0.06, "hspace": 0.06}
    grid: NDArray[np.object_] = figure.subplots(k, k, sharex="col", squeeze=False, gridspec_kw=place | gaps)
    for (row, column), axes in np.ndenumerate(grid):
        axes.set_visible(column <= row)
        axes.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
        axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        axes.tick_params(labelleft=column == 0 and row > 0, labelbottom=row == k - 1)
    return grid
