"""`loss_curves.png`: loss, reconstruction and KL against the epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vae_exp.config import SPLITS
from vae_exp.figures.colours import SPLITS as COLOURS
from vae_exp.figures.heading import Heading
from vae_exp.figures.palette import legend_beside
from vae_exp.figures.sheet import GREY, Sheet, sheet
from vae_exp.storage.metrics import Record

if TYPE_CHECKING:
    from vae_exp.figures.subject import Subject

PARTS = {"loss": "negative ELBO", "reconstruction": "reconstruction", "kl": "KL(q(z|x) ‖ p(z))"}
OBJECTIVE = {"objective": "training objective"}
NARROWEST = 2.0
"""Smallest width of a chart in inches; charts that don't fit side by side go below."""
DASHES = {"train": "-", "val": "--", "test": ":"}


def draw_loss_curves(subject: Subject) -> Sheet:
    """Draw loss, reconstruction and KL of each split against the epoch."""
    return loss_curves(subject.records, partial(subject.heading, "Loss curves"))


def loss_curves(records: Sequence[Record], heading: Callable[[str], Heading]) -> Sheet:
    """Return the curves of these epochs; the objective is shown next to the loss if the two differ.

    `heading` returns the heading for a detail.
    """
    parts = PARTS | (OBJECTIVE if any(_is_other(record) for record in records) else {})
    best = best_epoch(records)
    detail = "nats per image; training values are means over the epoch while it trains"
    detail += f"; the line marks epoch {best}, the best" if best else ""
    limits = {
        part: limits_after_the_fall(points_of(records, [f"{split}/{part}" for split in SPLITS])) for part in parts
    }
    detail += "; the first epochs are cut off" if any(is_cut for _, is_cut in limits.values()) else ""
    head = heading(detail if records else "no epoch has been trained")
    columns = len(parts) if head.width is None else max(1, min(len(parts), int(head.width / NARROWEST)))
    rows = -(-len(parts) // columns)
    figure = sheet(3.0 * columns, 2.8 * rows, head)
    places = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (part, name) in zip(places, parts.items(), strict=False):
        _curves(axes, records, part)
        axes.set(title=name, xlabel="epoch", ylim=limits[part][0])
        axes.xaxis.set_major_locator(epoch_ticks())
        if best:
            axes.axvline(best, color=GREY, linewidth=0.8, linestyle="-.")
    for axes in places:
        axes.remove()
    handles, names = figure.axes[0].get_legend_handles_labels()
    legend_beside(figure.axes[columns - 1], handles, names)
    figure.axes[0].set_ylabel("nats")
    return figure


def epoch_ticks() -> MaxNLocator:
    """Return the locator of ticks at whole epochs, 1, 2, 5 or 10 times a power of ten apart."""
    return MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10])


def best_epoch(records: Sequence[Record]) -> int | None:
    """Return the epoch of the lowest validation objective, the earlier of ties; None without a validation split."""
    evaluated = [record for record in records if "val/objective" in record]
    return int(min(evaluated, key=lambda record: record["val/objective"])["epoch"]) if evaluated else None


def _is_other(record: Record) -> bool:
    """Return whether the objective of an epoch differs from the loss."""
    return abs(record.get("train/objective", 0) - record.get("train/loss", 0)) > 1e-6


def limits_after_the_fall(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], bool]:
    """Return limits for (epoch, value) that show all but the first tenth of the epochs, in which a loss falls fast.

    Also return whether any point is outside.
    """
    last = max((epoch for epoch, _ in points), default=0)
    values = [value for _, value in points] or [0.0]
    later = [value for epoch, value in points if epoch > last / 10]
    low, high = min(values), max(later or values)
    margin = 0.05 * (high - low) or 1.0
    return (low - margin, high + margin), max(values) > high + margin


def points_of(records: Sequence[Record], keys: Sequence[str]) -> list[tuple[float, float]]:
    """Return epoch and value of every record with one of these keys."""
    return [(record["epoch"], record[key]) for key in keys for record in records if key in record]


def _curves(axes: Axes, records: Sequence[Record], part: str) -> None:
    for split in SPLITS:
        points = points_of(records, [f"{split}/{part}"])
        if points:
            epochs, values = zip(*points, strict=True)
            marker = "o" if len(points) <= 20 else None
            axes.plot(
                epochs, values, DASHES[split], color=COLOURS[split].light, label=split, marker=marker, markersize=3
            )
