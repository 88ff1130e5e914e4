"""The colour of each label, and its legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from vae_exp.figures.colours import PALETTES

if TYPE_CHECKING:
    from vae_exp.figures.subject import Floats

Labels = NDArray[np.int64] | None
"""The label of each point, if there are labels."""
MARKERS = ("o", "^")
"""The first ten labels are discs, the next ten triangles of the same colours."""
MOST_WRITTEN, NAME_POINTS = 12, 9.0
"""Largest number of classes whose names are written among their points, and the font size."""
UNCOLOURED = "#5c6066"
"""Colour of points without labels, or with too many."""
PLAIN: dict[str, Any] = {"frameon": False, "alignment": "left", "handletextpad": 0.4, "borderaxespad": 0.0}
"""Style of every legend."""


@dataclass(frozen=True)
class Palette:
    """Colours and markers of labels 0 … n − 1, which may be none."""

    names: tuple[str, ...]
    """The name of each label."""
    ten: tuple[str, ...] = PALETTES["petroff"]

    @classmethod
    def of(cls, labels: Labels, classes: Sequence[str] | None, name: str = "petroff") -> Palette:
        """Return the palette of these labels, with the names of the classes or, without names, their numbers."""
        if labels is None:
            return cls((), PALETTES[name])
        return cls(tuple(classes or map(str, range(int(labels.max()) + 1))), PALETTES[name])

    @property
    def is_coloured(self) -> bool:
        """Return whether there are labels, and few enough for distinct colours."""
        return 0 < len(self.names) <= len(self.ten) * len(MARKERS)

    @property
    def remark(self) -> str:
        """Return a remark for the figure's detail about labels without colours."""
        return f"; {len(self.names):,} labels, not coloured" if self.names and not self.is_coloured else ""

    def colour(self, label: int) -> str:
        """Return the colour of a label."""
        return self.ten[label % len(self.ten)] if self.is_coloured else UNCOLOURED

    def scatter(self, axes: Axes, points: Floats, labels: Labels, size: float) -> None:
        """Draw points (N, 2) in mixed order, so that no label is on top of the others."""
        if labels is None or not self.is_coloured:
            axes.scatter(points[:, 0], points[:, 1], s=size, color=UNCOLOURED, alpha=0.6, linewidths=0)
            return
        colours = np.array([to_rgb(self.colour(label)) for label in range(len(self.names))])[labels]
        kind = labels // len(self.ten)
        for i in np.unique(kind):
            x, y = points[kind == i].T
            axes.scatter(x, y, s=size, c=colours[kind == i], marker=MARKERS[i], alpha=0.75, linewidths=0)

    def write_names(self, axes: Axes, points: Floats, labels: Labels) -> None:
        """Write the name of each class at the median of its points (N, 2), without overlaps.

        The limits of the axes must be set. Where most names have no place, as in a collapsed space, none is written.
        """
        if labels is None or not self.is_coloured or len(self.names) > MOST_WRITTEN:
            return
        classes = np.unique(labels)
        medians = np.stack([np.median(points[labels == label], axis=0) for label in classes])
        points_of_print = axes.transData.transform(medians) * 72 / axes.figure.dpi
        style: dict[str, Any] = {"size": NAME_POINTS, "weight": "bold", "ha": "center", "va": "center", "zorder": 5}
        apart = _apart(points_of_print, [len(self.names[label]) for label in classes])
        for i in apart if 2 * len(apart) >= len(classes) else []:
            halo = [withStroke(linewidth=2.5, foreground="white")]
            x, y = medians[i]
            axes.text(x, y, self.names[classes[i]], path_effects=halo, **style)

    def histogram(self, axes: Axes, values: Floats, labels: Labels, edges: Floats) -> None:
        """Draw a histogram: all values in grey, and an outline for each label."""
        axes.hist(values, edges.tolist(), color="#dddddd", linewidth=0)
        if labels is not None and self.is_coloured:
            for i in np.unique(labels):
                axes.hist(values[labels == i], edges.tolist(), histtype="step", color=self.colour(i), linewidth=1.0)

    def legend(self, axes: Axes) -> None:
        """Draw the legend of the labels to the right of the axes."""
        if self.is_coloured:
            legend_beside(axes, self._handles(), self.names, "label")

    def legend_in_corner(self, figure: Figure, corner: Axes) -> None:
        """Draw the legend in place of hidden axes."""
        if self.is_coloured:
            place = {"bbox_to_anchor": (1, 1), "bbox_transform": corner.transAxes}
            figure.legend(self._handles(), self.names, title="label", loc="upper right", **place, **PLAIN)

    def _handles(self) -> list[Artist]:
        return [self._handle(i) for i in range(len(self.names))]

    def _handle(self, label: int) -> Artist:
        marker = MARKERS[label // len(self.ten)]
        return Line2D([], [], color=self.colour(label), marker=marker, markersize=6, linestyle="none")


def _apart(places: Floats, letters: Sequence[int]) -> list[int]:
    """Return which texts around these positions (N, 2), in typographic points, overlap none of those before them."""
    shown: list[int] = []
    for i, (x, y) in enumerate(places):
        reach = [0.35 * NAME_POINTS * (letters[i] + letters[j]) for j in shown]
        if all(
            abs(x - places[j][0]) > r or abs(y - places[j][1]) > NAME_POINTS for j, r in zip(shown, reach, strict=True)
        ):
            shown.append(i)
    return shown


def legend_beside(axes: Axes, handles: Sequence[Artist], names: Sequence[str], title: str | None = None) -> None:
    """Draw a legend to the right of the axes."""
    axes.legend(handles, names, title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), **PLAIN)
