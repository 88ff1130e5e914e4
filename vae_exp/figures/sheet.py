"""The base of every figure: its style, its heading, and its files."""

from __future__ import annotations

import contextlib
import io
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
from matplotlib.transforms import Bbox
from PIL import Image

from vae_exp.figures import tiles
from vae_exp.figures.colours import AXES, GRID, SOFT_INK
from vae_exp.figures.heading import Heading, Note

DPI = tiles.DPI
TITLE_POINTS, DETAIL_POINTS, TICK_POINTS = 11.0, 8.5, 8.0
MARGIN = 0.1
"""Margin in inches."""
GREY = SOFT_INK.light

_style = threading.RLock()
_STYLE = {
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so every machine has it
    "text.parse_math": False,  # names of the user's folders may contain any character
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": TICK_POINTS,
    "ytick.labelsize": TICK_POINTS,
    "legend.fontsize": TICK_POINTS,
    "legend.title_fontsize": TICK_POINTS,
    "grid.color": GRID.light,
    "axes.edgecolor": AXES.light,
    "pdf.fonttype": 42,  # embed TrueType fonts, as journals require
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Use this package's style instead of the user's settings. The settings are global, hence the lock."""
    with _style, matplotlib.style.context(["default", sns.axes_style("whitegrid"), _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a missing character is drawn as a box
        yield


class Sheet(Figure):
    """A figure with a heading. Axes are laid out below it."""

    heading: Heading
    band: float
    """Height of the heading in inches."""


def sheet(width: float, height: float, heading: Heading) -> Sheet:
    """Return an empty sheet of this width and height in inches, plus the height of the heading.

    If the heading has a width, the height is scaled in proportion.
    """
    if heading.width is not None:
        width, height = heading.width, height * heading.width / width
    texts = [(heading.title, TITLE_POINTS, "black"), (heading.detail, DETAIL_POINTS, GREY)]
    blocks = [(textwrap.wrap(text, _letters(width, size)), size, colour) for text, size, colour in texts]
    band = _whole(MARGIN + sum(len(lines) * _line(size) for lines, size, _ in blocks))
    total = _whole(height) + band
    figure = Sheet(figsize=(_whole(width), total), dpi=DPI, facecolor="white")
    figure.heading, figure.band = heading, band
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - band / total), w_pad=MARGIN, h_pad=MARGIN / 2))
    top = total - MARGIN
    for lines, size, colour in blocks:
        text = "\n".join(lines)
        figure.text(MARGIN / width, top / total, text, size=size, color=colour, va="top", linespacing=1.25)
        top -= len(lines) * _line(size)
    return figure


def _whole(inches: float) -> float:
    """Round a length to whole pixels."""
    return round(inches * DPI) / DPI


def _letters(width: float, points: float) -> int:
    """Return the number of characters of about 0.52 em that fit in a line."""
    return max(20, int((width - 2 * MARGIN) / (0.52 * points / 72)))


def _line(points: float) -> float:
    """Return the height of a line, in inches."""
    return 1.45 * points / 72


def png(figure: Sheet, titles: bool = True) -> bytes:
    """Return a figure as a PNG file, with or without its heading. The same figure gives the same bytes.

    The file notes its title, its detail and the height of their band, for a page that writes them
    itself.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    band = round(figure.band * DPI)
    note = Note(figure.heading.title, figure.heading.detail, band if titles else 0)
    pixels = pixels if titles else pixels[band:]
    is_grey = bool((pixels[..., :1] == pixels).all())
    return tiles.png(Image.fromarray(np.ascontiguousarray(pixels[..., 0] if is_grey else pixels)), note)


def pdf(figure: Sheet, titles: bool = True) -> bytes | None:
    """Return a figure as a PDF file with embedded fonts; None for grids of images, which are pixels anyway."""
    if any(axes.images for axes in figure.axes):
        return None
    file = io.BytesIO()
    width, height = figure.get_size_inches()
    whole = Bbox([[0, 0], [width, height if titles else height - figure.band]])
    metadata = {"CreationDate": None, "Title": figure.heading.title}
    figure.savefig(file, format="pdf", bbox_inches=whole, metadata=metadata)
    return file.getvalue()
