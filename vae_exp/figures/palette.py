"""The colour of each label, and the legend that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vae_exp.figures.subject import Floats

TEN = ("#00009D", "#FFC43B", "#9D2700", "#4EEBD8", "#4E143B", "#FF3B00", "#3B629D", "#B19DFF", "#279D89", "#B100FF")
"""Ten colours found by a search for the largest smallest distance between two of them, in OKLab, in the eyes of the
colour-blind (Machado et al. 2009) as in all others'. Dark and light ones take turns."""
MARKERS = ("o", "^")
"""The first ten labels are discs, the next ten triangles of the same colours."""


@dataclass(frozen=True)
class Palette:
    """Colours and markers of labels 0 … n − 1; of nothing where there are no labels."""

    names: tuple[str, ...]
    """The name of each label."""

    @classmethod
    def of(cls, labels: NDArray[np.int64] | None, classes: Sequence[str] | None) -> Palette:
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
        colours: Floats = self._map(np.arange(len(self.names)) / (len(self.names) - 1))
        return colours

    @property
    def _map(self) -> ListedColormap:
        from seaborn import color_palette

        colour_map: ListedColormap = color_palette("viridis", as_cmap=True)
        return colour_map

    def scatter(self, axes: Axes, x: Floats, y: Floats, labels: NDArray[np.int64] | None, size: float) -> None:
        """Draw a point for each code, all labels mixed, so that none of them lies on top of the others."""
        label = np.zeros(len(x), np.int64) if labels is None else labels
        colours = np.array([to_rgb(colour) for colour in self.colours])[label]
        for i, marker in enumerate(MARKERS):
            is_here = (label // len(TEN) == i) if self.is_named else np.full(len(label), i == 0)
            if is_here.any():
                axes.scatter(
                    x[is_here], y[is_here], s=size, c=colours[is_here], marker=marker, alpha=0.75, linewidths=0
                )

    def histogram(self, axes: Axes, values: Floats, labels: NDArray[np.int64] | None, bins: int) -> None:
        """Draw how many values fall into each bin, stacked by label."""
        parts = [values] if labels is None else [values[labels == i] for i in range(len(self.names))]
        axes.hist(parts, bins=bins, stacked=True, color=list(self.colours), linewidth=0)

    def legend(self, figure: Figure, axes: Sequence[Axes] | None = None, title: str = "label") -> None:
        """Say which colour is which label, to the right of what is drawn: names, or a colour bar for many labels."""
        if self.is_named:
            handles = [self._handle(i) for i in range(len(self.names))]
            figure.legend(handles, self.names, loc="outside right upper", title=title, frameon=False)
        elif self.names:
            n = len(self.names)
            norm = BoundaryNorm(np.arange(n + 1) - 0.5, self._map.N if n <= self._map.N else n)
            figure.colorbar(ScalarMappable(norm, self._map), ax=axes, label=f"{title}, as its number of {n}")

    def _handle(self, label: int) -> Line2D:
        marker = MARKERS[label // len(TEN)]
        return Line2D([], [], color=TEN[label % len(TEN)], marker=marker, markersize=6, linestyle="none")
