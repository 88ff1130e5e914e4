"""The paper that every figure is drawn on: its style, its title, and its PNG."""

from __future__ import annotations

import contextlib
import textwrap
import threading
import warnings
from collections.abc import Iterator

import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from vae_exp.figures import tiles

DPI = 120
TITLE_POINTS, DETAIL_POINTS, TICK_POINTS = 11.0, 8.5, 8.0
MARGIN = 12
"""Pixels between the edge and what is drawn."""
GREY = "#555555"
"""Colour of lettering that explains."""

LEVELS = ((np.arange(256) + 8) // 17 * 17).astype(np.uint8)
"""The nearest of 16 levels for each of 256."""

_style = threading.RLock()
_STYLE = {
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so that every machine writes with the same letters
    "text.parse_math": False,  # names of the user's folders may hold any character
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": TICK_POINTS,
    "ytick.labelsize": TICK_POINTS,
    "legend.fontsize": TICK_POINTS,
    "legend.title_fontsize": TICK_POINTS,
    "grid.color": "#EEEEEE",
    "axes.edgecolor": "#BBBBBB",
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw in our style, whatever the user's settings are. The settings are the process's, hence the lock."""
    with _style, matplotlib.style.context(["default", sns.axes_style("whitegrid"), _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box in a legend is no reason to speak
        yield


def sheet(width: int, height: int, title: str, detail: str) -> Figure:
    """Return an empty figure of this width and height in pixels, plus what the title and its detail need above.

    Axes that are added are laid out below the title.
    """
    blocks = [(textwrap.wrap(text, _letters(width, size)), size) for text, size in _header(title, detail)]
    header = MARGIN + sum(len(lines) * _line(size) for lines, size in blocks)
    total = round(height + header)
    figure = Figure(figsize=(width / DPI, total / DPI), dpi=DPI, facecolor="white")
    pad = MARGIN / DPI
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, height / total), w_pad=pad, h_pad=pad / 2))
    top = float(total - MARGIN)
    for (lines, size), colour in zip(blocks, ("black", GREY), strict=True):
        text = "\n".join(lines)
        figure.text(MARGIN / width, top / total, text, size=size, color=colour, va="top", linespacing=1.25)
        top -= len(lines) * _line(size)
    return figure


def _header(title: str, detail: str) -> list[tuple[str, float]]:
    return [(title, TITLE_POINTS), (detail, DETAIL_POINTS)]


def _letters(width: int, points: float) -> int:
    """Return how many letters of about 0.52 em fit in a line."""
    return max(20, int((width - 2 * MARGIN) / (0.52 * points * DPI / 72)))


def _line(points: float) -> float:
    """Return the height of a line, in pixels."""
    return 1.45 * points * DPI / 72


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file: the same figure gives the same bytes.

    Lettering, curves and points get 16 levels of each colour, among them all that we draw with: half as large a file.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    if (pixels[..., :1] == pixels[..., 1:3]).all():
        return tiles.png(Image.fromarray(pixels[..., 0]))
    has_images = any(axes.images for axes in figure.axes)
    return tiles.png(Image.fromarray(pixels if has_images else LEVELS[pixels]).convert("RGB"))
