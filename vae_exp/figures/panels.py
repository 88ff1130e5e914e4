"""Grids of images side by side, each under its heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_exp.figures.sheet import DETAIL_POINTS, DPI, GREY, MARGIN, TICK_POINTS, sheet
from vae_exp.figures.subject import Images
from vae_exp.figures.tiles import TILE, magnification, tile

HEADING = 24
"""Height of a panel's heading, in pixels."""
LABELS = 24
"""Height of the labels below a panel, in pixels."""


@dataclass(frozen=True)
class Panel:
    """One grid of images."""

    images: Images
    """(N, C, H, W) in [0, 1], row by row."""
    columns: int
    heading: str = ""
    row_labels: Sequence[str] = ()
    column_labels: Sequence[str] = ()
    axis_labels: tuple[str, str] = ("", "")
    """Names of the horizontal and the vertical axis."""
    gap: int = 1
    """White pixels of the images between them."""


def draw_panels(panels: Sequence[Panel], title: str, detail: str, tile_size: int = TILE) -> Figure:
    """Return a figure of panels side by side, in which each pixel of an image is a whole number of pixels wide."""
    factor = magnification(panels[0].images.shape[-1], tile_size)
    pictures = [tile(panel.images, panel.columns, panel.gap) for panel in panels]
    sizes = [(round(picture.shape[1] * factor), round(picture.shape[0] * factor)) for picture in pictures]
    lefts = [_left(panel) for panel in panels]
    width = sum(size[0] for size in sizes) + sum(lefts) + MARGIN
    above = HEADING if any(panel.heading for panel in panels) else 0
    below = MARGIN + max(_below(panel) for panel in panels)
    height = below + max(size[1] for size in sizes) + above
    figure = sheet(width, height + MARGIN // 2, title, detail)
    figure.set_layout_engine("none")
    across, down = width, round(figure.get_figheight() * DPI)
    x = 0
    for panel, picture, (w, h), left in zip(panels, pictures, sizes, lefts, strict=True):
        x += left
        axes = figure.add_axes((x / across, below / down, w / across, h / down))
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, aspect="auto")
        _label(axes, panel)
        x += w
    return figure


def _left(panel: Panel) -> int:
    """Return the room left of a panel, in pixels."""
    letters = max(map(len, panel.row_labels), default=0)
    return MARGIN + round(letters * 0.65 * TICK_POINTS * DPI / 72) + (LABELS if panel.axis_labels[1] else 0)


def _below(panel: Panel) -> int:
    """Return the room below a panel, in pixels."""
    return LABELS * (bool(panel.column_labels) + bool(panel.axis_labels[0]))


def _label(axes: Axes, panel: Panel) -> None:
    """Write the heading above, and the labels at the middle of their row or column."""
    height, width = (side + panel.gap for side in panel.images.shape[2:])
    axes.set_title(panel.heading, size=DETAIL_POINTS, loc="left", pad=5)
    axes.set_xticks([(i + 0.5) * width - 0.5 - panel.gap / 2 for i in range(len(panel.column_labels))])
    axes.set_yticks([(i + 0.5) * height - 0.5 - panel.gap / 2 for i in range(len(panel.row_labels))])
    axes.set_xticklabels(panel.column_labels)
    axes.set_yticklabels(panel.row_labels)
    axes.tick_params(length=0, pad=4, labelcolor=GREY)
    axes.set_xlabel(panel.axis_labels[0])
    axes.set_ylabel(panel.axis_labels[1])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
