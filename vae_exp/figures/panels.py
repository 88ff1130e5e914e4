"""Grids of images side by side, each under its heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from vae_exp.figures.sheet import DETAIL_POINTS, DPI, GREY, MARGIN, TICK_POINTS, sheet
from vae_exp.figures.subject import Images
from vae_exp.figures.tiles import GAP, Picture, at_screen_size, tile

HEADING = 24
"""Height of a panel's heading, in pixels."""
NARROWEST = 560
"""Width of a figure that a title fits on, in pixels."""
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
    gap: int = GAP
    """White pixels of the screen between the images."""

    @property
    def picture(self) -> Picture:
        """Return the grid as one image, at the size of the screen."""
        return tile(at_screen_size(self.images), min(self.columns, len(self.images)), self.gap)


def draw_panels(panels: Sequence[Panel], title: str, detail: str) -> Figure:
    """Return a figure of panels side by side, with a pixel of the figure for each of theirs."""
    pictures = [panel.picture for panel in panels]
    lefts = [_left(panel) for panel in panels]
    width = max(NARROWEST, sum(picture.shape[1] for picture in pictures) + sum(lefts) + MARGIN)
    above = MARGIN // 2 + (HEADING if any(panel.heading for panel in panels) else 0)
    below = MARGIN + max(_below(panel) for panel in panels)
    figure = sheet(width, below + max(map(len, pictures)) + above, title, detail)
    figure.set_layout_engine("none")
    total = round(figure.get_figheight() * DPI)
    x = 0
    for panel, picture, left in zip(panels, pictures, lefts, strict=True):
        h, w = picture.shape[:2]
        x += left
        axes = figure.add_axes((x / width, below / total, w / width, h / total))
        # In three colours matplotlib shows the very pixels; a map of greys would round some of them down.
        axes.imshow(Image.fromarray(picture).convert("RGB"), aspect="auto", interpolation="nearest")
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
    height, width = (side + panel.gap for side in at_screen_size(panel.images[:1]).shape[2:])
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
