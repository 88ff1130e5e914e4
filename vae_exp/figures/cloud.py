"""Plot points in a latent space, or in an embedding of it, of one, two or more dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vae_exp.figures.colours import AXES
from vae_exp.figures.heading import Heading
from vae_exp.figures.palette import Labels, Palette
from vae_exp.figures.sheet import GREY, Sheet, sheet
from vae_exp.figures.subject import Floats

BINS = 60
LEFT, BELOW, RIGHT, ABOVE = 0.63, 0.47, 0.12, 0.08
"""Inches around a pair plot."""
NEAREST_LIMIT = 3.0
"""Smallest range of a latent axis, in standard deviations of the prior, so that a collapsed space looks collapsed."""
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Cloud:
    """Points to draw, with their labels and axes."""

    points: Floats
    """(N, k)."""
    axes: Sequence[str]
    """Names of the k latent dimensions; empty for an embedding, whose coordinates have no meaning."""
    labels: Labels
    palette: Palette
    heading: Heading

    @property
    def size(self) -> float:
        """Return the area of a point in square typographic points: smaller for many points."""
        return float(np.clip(12_000 / len(self.points), 3, 14))

    @property
    def limit(self) -> float:
        """Return the limit of each latent axis, on both sides of 0."""
        return max(NEAREST_LIMIT, float(np.abs(self.points).max()) * 1.03)


def axis_name(dimension: int) -> str:
    """Return the name of an axis of the latent space; dimensions are numbered from 1."""
    return "z" + str(dimension + 1).translate(SUBSCRIPTS)


def plot(cloud: Cloud) -> Sheet:
    """Return a histogram of one dimension, a scatter plot of two, or a pair plot of more."""
    match cloud.points.shape[1]:
        case 1:
            return histogram(cloud)
        case 2:
            return scatter(cloud)
        case _:
            return pair_plot(cloud)


def histogram(cloud: Cloud) -> Sheet:
    """Return a histogram of points (N, 1): all of them, by label, and expected under the prior."""
    figure = sheet(6.7, 4.0, cloud.heading)
    axes = figure.add_subplot()
    _histogram(axes, cloud, 0, BINS)
    axes.set(xlabel=cloud.axes[0], ylabel="images per bin")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=False, axis="x")
    cloud.palette.legend(axes)
    return figure


def scatter(cloud: Cloud) -> Sheet:
    """Return a scatter plot of points (N, 2) by label, with equal scales."""
    figure = sheet(6.7, 5.8, cloud.heading)
    axes = figure.add_subplot()
    cloud.palette.scatter(axes, cloud.points, cloud.labels, cloud.size)
    if cloud.axes:
        _latent_axes(axes, cloud)
        axes.set(xlabel=cloud.axes[0], ylabel=cloud.axes[1])
    else:
        axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    cloud.palette.legend(axes)
    figure.draw_without_rendering()  # names are placed in the final layout of the axes
    cloud.palette.write_names(axes, cloud.points, cloud.labels)
    return figure


def pair_plot(cloud: Cloud) -> Sheet:
    """Return a pair plot of points (N, k): scatter plots below a diagonal of histograms."""
    k = len(cloud.axes)
    figure = sheet(7.3, 7.1, cloud.heading)
    grid = _triangle(figure, k)
    for row in range(k):
        _histogram(grid[row, row], cloud, row, BINS // 2)
        grid[row, row].set(yticks=[])
        for column in range(row):
            pair = cloud.points[:, [column, row]]
            cloud.palette.scatter(grid[row, column], pair, cloud.labels, cloud.size / 4)
            _latent_axes(grid[row, column], cloud)
    for i, name in enumerate(cloud.axes):
        grid[-1, i].set_xlabel(name)
        grid[i, 0].set_ylabel(name if i > 0 else "")
    figure.align_ylabels(grid[:, 0])
    cloud.palette.legend_in_corner(figure, grid[0, -1])
    return figure


def _latent_axes(axes: Axes, cloud: Cloud) -> None:
    """Set the same range on both axes, and draw the circles of the prior at one and two standard deviations."""
    axes.set(xlim=(-cloud.limit, cloud.limit), ylim=(-cloud.limit, cloud.limit), aspect="equal")
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=AXES.light, linewidth=0.8, linestyle="--"))


def _histogram(axes: Axes, cloud: Cloud, dimension: int, bins: int) -> None:
    """Draw a histogram of a dimension, and a dashed line for the counts expected under the prior."""
    edges = np.linspace(-cloud.limit, cloud.limit, bins + 1)
    cloud.palette.histogram(axes, cloud.points[:, dimension], cloud.labels, edges)
    z = np.linspace(-cloud.limit, cloud.limit, 200)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    axes.plot(z, len(cloud.points) * (edges[1] - edges[0]) * density, "--", color=GREY, linewidth=0.9)
    axes.set(xlim=(-cloud.limit, cloud.limit))


def _triangle(figure: Sheet, k: int) -> NDArray[np.object_]:
    """Return axes (k, k) below the heading of a sheet, with those above the diagonal hidden."""
    figure.set_layout_engine("none")
    width, total = figure.get_size_inches()
    place = {"left": LEFT / width, "right": 1 - RIGHT / width}
    place |= {"bottom": BELOW / total, "top": (total - figure.band - ABOVE) / total}
    gaps = {"wspace": 0.06, "hspace": 0.06}
    grid: NDArray[np.object_] = figure.subplots(k, k, sharex="col", squeeze=False, gridspec_kw=place | gaps)
    for (row, column), axes in np.ndenumerate(grid):
        axes.set_visible(column <= row)
        axes.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
        axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        axes.tick_params(labelleft=column == 0 and row > 0, labelbottom=row == k - 1)
    return grid
