"""Grids of images side by side, each with a heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from PIL import Image

from vae_exp.figures import sheet as paper
from vae_exp.figures.colours import SPLITS
from vae_exp.figures.heading import Heading
from vae_exp.figures.sheet import DETAIL_POINTS, DPI, GREY, TICK_POINTS, Sheet, sheet
from vae_exp.figures.subject import Images
from vae_exp.figures.tiles import GAP, TILE, Picture, resized, tile

MARGIN = round(paper.MARGIN * DPI)
LABELS = 40
"""Height of a heading, and of the labels below a panel, in pixels."""
NARROWEST = 930
"""Width of a figure that fits a title, in pixels."""


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
    """White pixels between the columns."""
    row_gap: int = GAP
    """White pixels between the rows."""
    marks: Sequence[float] = ()
    """A marked position above each row, in columns: 0 is the middle of the first, 0.5 is between the first two."""

    @property
    def across(self) -> int:
        """Return the number of images in a row."""
        return min(self.columns, len(self.images))

    def picture(self, width: int) -> Picture:
        """Return the grid as one image, each of its images about `width` pixels wide."""
        return tile(resized(self.images, width), self.across, self.gap, self.row_gap)


def draw_panels(panels: Sequence[Panel], heading: Heading) -> Sheet:
    """Return a figure of panels side by side, with one pixel of the figure for each pixel of the panels."""
    lefts = [_left(panel) for panel in panels]
    side = TILE if heading.width is None else _fitting(panels, round(heading.width * DPI) - sum(lefts) - MARGIN)
    pictures = [panel.picture(side) for panel in panels]
    width = max(NARROWEST, sum(picture.shape[1] for picture in pictures) + sum(lefts) + MARGIN)
    width = width if heading.width is None else round(heading.width * DPI)
    above = MARGIN // 2 + LABELS * any(panel.heading for panel in panels) + (LABELS // 2) * any(p.marks for p in panels)
    below = MARGIN + max(_below(panel) for panel in panels)
    tallest = max(map(len, pictures))
    figure = sheet(width / DPI, (below + tallest + above) / DPI, Heading(heading.title, heading.detail))
    figure.set_layout_engine("none")
    total = round(figure.get_figheight() * DPI)
    x = 0
    for panel, picture, left in zip(panels, pictures, lefts, strict=True):
        h, w = picture.shape[:2]
        x += left
        axes = figure.add_axes((x / width, (below + tallest - h) / total, w / width, h / total))
        # matplotlib shows RGB pixels exactly; a grey colour map would round some of them.
        axes.imshow(Image.fromarray(picture).convert("RGB"), aspect="auto", interpolation="nearest")
        _label(axes, panel, side)
        x += w
    return figure


def _fitting(panels: Sequence[Panel], width: int) -> int:
    """Return the width of an image, in pixels, such that the panels fit side by side into this width."""
    gaps = sum(panel.gap * (panel.across - 1) for panel in panels)
    return max(1, (width - gaps) // sum(panel.across for panel in panels))


def _left(panel: Panel) -> int:
    """Return the space to the left of a panel, in pixels."""
    return MARGIN + _widest(panel.row_labels) + (LABELS if panel.axis_labels[1] else 0)


def _widest(labels: Sequence[str]) -> int:
    """Return the width of the longest label, in pixels."""
    return round(max(map(len, labels), default=0) * 0.65 * TICK_POINTS * DPI / 72)


def _below(panel: Panel) -> int:
    """Return the space below a panel, in pixels."""
    return LABELS * (bool(panel.column_labels) + bool(panel.axis_labels[0]))


def _label(axes: Axes, panel: Panel, side: int) -> None:
    """Write the heading, and the labels at the middle of their row or column."""
    height, width = resized(panel.images[:1], side).shape[2:]
    down, across = height + panel.row_gap, width + panel.gap
    axes.set_title(panel.heading, size=DETAIL_POINTS, loc="left", pad=5)
    labelled = range(0, len(panel.column_labels), -(-_widest(panel.column_labels) // across) or 1)  # those that fit
    axes.set_xticks([i * across + width / 2 - 0.5 for i in labelled])
    axes.set_yticks([i * down + height / 2 - 0.5 for i in range(len(panel.row_labels))])
    axes.set_xticklabels([panel.column_labels[i] for i in labelled])
    axes.set_yticklabels(panel.row_labels)
    axes.tick_params(length=0, pad=4, labelcolor=GREY)
    axes.set_xlabel(panel.axis_labels[0])
    axes.set_ylabel(panel.axis_labels[1])
    axes.grid(visible=False)
    for row, place in enumerate(panel.marks):
        x, y = place * across + width / 2 - 0.5, row * down - 0.5
        axes.annotate("▼", (x, y), ha="center", va="bottom", size=6, color=SPLITS["val"].light, annotation_clip=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
