"""The colour of each label, and the legend that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vae_exp.figures.subject import Floats

TEN = ("#000088", "#EECC00", "#AA0000", "#00DDFF", "#220000", "#FF7799", "#006677", "#7788FF", "#8800DD", "#998811")
"""Ten colours found by a search for the largest smallest distance between two of them, or one and white paper, in
OKLab, in the eyes of the colour-blind (Machado et al. 2009) as in all others'. Dark and light ones take turns."""
Labels = NDArray[np.int64] | None
"""The label of each point, where there are labels."""
MARKERS = ("o", "^")
"""The first ten labels are discs, the next ten triangles of the same colours."""
MANY = colormaps["viridis"]
"""The colours of more labels than can be told apart."""
PLAIN: dict[str, Any] = {"frameon": False, "alignment": "left", "handletextpad": 0.4, "borderaxespad": 0.0}
"""How every legend looks."""


@dataclass(frozen=True)
class Palette:
    """Colours and markers of labels 0 … n − 1; of nothing where there are no labels."""

    names: tuple[str, ...]
    """The name of each label."""

    @classmethod
    def of(cls, labels: Labels, classes: Sequence[str] | None) -> Palette:
        """Return the palette of these labels, named by their classes or, where those have no names, by number."""
        if labels is None:
            return cls(())
        return cls(tuple(classes or map(str, range(int(labels.max()) + 1))))

    @property
    def is_named(self) -> bool:
        """Say whether there are labels, and few enough that a reader can tell the colours apart."""
        return 0 < len(self.names) <= len(TEN) * len(MARKERS)

    @property
    def colours(self) -> list[str] | Floats:
        """Return the colour of each label; a single one where there are no labels."""
        if len(self.names) <= len(TEN) * len(MARKERS):
            return [TEN[i % len(TEN)] for i in range(max(1, len(self.names)))]
        colours: Floats = MANY(np.arange(len(self.names)) / (len(self.names) - 1))
        return colours

    def scatter(self, axes: Axes, points: Floats, labels: Labels, size: float) -> None:
        """Draw points (N, 2), all labels mixed, so that none of them lies on top of the others."""
        label = np.zeros(len(points), np.int64) if labels is None else labels
        colours = np.array([to_rgb(colour) for colour in self.colours])[label]
        kind = label // len(TEN) if self.is_named else np.zeros_like(label)
        for i in np.unique(kind):
            x, y = points[kind == i].T
            axes.scatter(x, y, s=size, c=colours[kind == i], marker=MARKERS[i], alpha=0.75, linewidths=0)

    def histogram(self, axes: Axes, values: Floats, labels: Labels, bins: int) -> None:
        """Draw how many values fall into each bin, stacked by label."""
        parts = [values] if labels is None else [values[labels == i] for i in range(len(self.names))]
        axes.hist(parts, bins=bins, stacked=True, color=list(self.colours), linewidth=0)

    def legend(self, figure: Figure, axes: Axes) -> None:
        """Say which colour is which label, to the right of the axes: names, or a colour bar for many labels."""
        if self.is_named:
            legend_beside(axes, self._handles(), self.names, "label")
        elif self.names:
            self._colour_bar(figure, ax=axes)

    def legend_in_corner(self, figure: Figure, corner: Axes) -> None:
        """Say the same in the place of axes that are hidden."""
        if self.is_named:
            place = {"bbox_to_anchor": (1, 1), "bbox_transform": corner.transAxes}
            figure.legend(self._handles(), self.names, title="label", loc="upper right", **place, **PLAIN)
        elif self.names:
            box = corner.get_position()
            bar = figure.add_axes((box.x1 - 0.02, box.y0, 0.02, box.height))
            self._colour_bar(figure, cax=bar, ticklocation="left")

    def _colour_bar(self, figure: Figure, **place: Any) -> None:
        last = len(self.names) - 1
        bar = figure.colorbar(ScalarMappable(Normalize(0, last), MANY), label=f"label, 0 to {last}", **place)
        bar.outline.set_visible(False)

    def _handles(self) -> list[Artist]:
        return [self._handle(i) for i in range(len(self.names))]

    def _handle(self, label: int) -> Artist:
        marker = MARKERS[label // len(TEN)]
        return Line2D([], [], color=TEN[label % len(TEN)], marker=marker, markersize=6, linestyle="none")


def legend_beside(axes: Axes, handles: Sequence[Artist], names: Sequence[str], title: str | None = None) -> None:
    """Put a legend to the right of the axes, where it hides nothing."""
    axes.legend(handles, names, title=title, loc="upper left", bbox_to_anchor=(1.01, 1.0), **PLAIN)
