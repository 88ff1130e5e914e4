"""The colours of figures, reports and benchmarks: of splits, configurations and classes."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib import colormaps
from matplotlib.colors import to_hex

PALETTES = {
    "petroff": (
        "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
    ),
    "accessible": (
        "#000088", "#EECC00", "#AA0000", "#00DDFF", "#220000", "#FF7799", "#006677", "#7788FF", "#8800DD", "#998811",
    ),
}  # fmt: skip
"""Ten colours for classes, by the name that `figures.palette` takes. `petroff`: Petroff 2021 (arXiv 2107.02270), chosen
for beauty within what the colour-blind can tell apart. `accessible`: found by a search for the largest smallest
distance between two of them, or one and white paper, in OKLab, in all eyes (Machado et al. 2009)."""


class Shade(NamedTuple):
    """One colour, on white paper and in the page's dark theme."""

    light: str
    dark: str


SPLITS = {
    "train": Shade("#5c6066", "#d0d4d9"),
    "val": Shade("#e76300", "#ff8a3d"),
    "test": Shade("#3f90da", "#5aa9f0"),
}
"""A line's contrast is at least 3 on white, and on DARK_PAPER."""

CATEGORIES = (
    Shade("#4488ff", "#33aa99"),
    Shade("#aa0000", "#dd1111"),
    Shade("#330077", "#99ff77"),
    Shade("#ff5511", "#ff77ff"),
    Shade("#884499", "#ffccff"),
    Shade("#0000ff", "#aa00ff"),
    Shade("#bb7799", "#aabb00"),
    Shade("#550022", "#337788"),
)
"""Colours of configurations whose values have no order, chosen for each theme like the palette `accessible`."""

PAPER = Shade("#ffffff", "#15181d")
INK = Shade("#1b1f24", "#e6e8eb")
SOFT_INK = Shade("#555555", "#a6adb6")
"""Colour of secondary text."""
AXES = Shade("#8a8f96", "#767d87")
GRID = Shade("#eeeeee", "#2a2f37")
BARS = Shade("#5f8fc0", "#5f8fc1")
"""Colour of bars that belong to no split or configuration."""


def configurations(n: int, is_ordered: bool) -> list[Shade]:
    """Return a colour for each of n configurations: a ramp without yellow if they have an order, else categories.

    More configurations than there are categories get the ramp too.
    """
    if not is_ordered and n <= len(CATEGORIES):
        return list(CATEGORIES[:n])
    light, dark = (0.0, 0.58), (0.42, 0.8)
    return [Shade(_viridis(*light, i, n), _viridis(*dark, i, n)) for i in range(n)]


def _viridis(first: float, last: float, i: int, n: int) -> str:
    return to_hex(colormaps["viridis"](first + (last - first) * (i / (n - 1) if n > 1 else 0.5)))
