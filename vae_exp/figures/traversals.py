"""`traversals.png` and `manifold.png`: images along lines and on a grid of latent space."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from vae_exp.figures.cloud import axis_name
from vae_exp.figures.panels import Panel, draw_panels
from vae_exp.figures.sheet import Sheet
from vae_exp.figures.subject import Subject, array

MOST = 12
"""Largest number of traversed dimensions."""
STEPS, REACH = 13, 3.0
"""Points along each dimension, from −REACH to REACH."""
SIDE = 15
"""Points along each side of the manifold."""
log = logging.getLogger(__name__)


def draw_traversals(subject: Subject) -> Sheet:
    """Draw the means of p(x|z) along each of the most active dimensions through the first test image's code."""
    split = subject.split("test")
    image = subject.images(split, torch.tensor([0]), subject.stream("traversals"))
    mean = subject.encode(image).mean[0].cpu()
    dims = subject.test_codes.most_active(MOST)
    values = torch.linspace(-REACH, REACH, STEPS)
    images = subject.decode(traverse(mean, dims, values))
    walks = Panel(
        images,
        STEPS,
        row_labels=[axis_name(d) for d in dims],
        column_labels=[signed(value, 1) for value in values.tolist()],
        row_gap=24,
        marks=[place_of(mean[d].item()) for d in dims],
    )
    which = "each dimension" if len(dims) == subject.latent_dim else f"each of the {len(dims)} most active dimensions"
    detail = f"means of p(x|z) as {which} goes from −3 to 3, the others at E[z|x] of the image on the left, the first "
    detail += f"of the {subject.described('test')}; ▼ marks its own value"
    return draw_panels([Panel(array(image), 1, "x"), walks], subject.heading("Traversals", detail))


def place_of(value: float) -> float:
    """Return the position of a value among the columns of a traversal, clipped to the ends."""
    return (min(max(value, -REACH), REACH) + REACH) / (2 * REACH) * (STEPS - 1)


def traverse(origin: Tensor, dims: list[int], values: Tensor) -> Tensor:
    """Return copies of a point (D,) with one of `dims` set to each of `values` (V,): (len(dims), V, D)."""
    points = origin.repeat(len(dims), len(values), 1)
    for row, d in enumerate(dims):
        points[row, :, d] = values
    return points


def draw_manifold(subject: Subject) -> Sheet | None:
    """Draw the means of p(x|z) on a grid of quantiles of the prior; only for two latent dimensions."""
    if subject.latent_dim != 2:
        log.info("manifold.png is drawn only for two latent dimensions, got %s", subject.latent_dim)
        return None
    quantiles = even_quantiles(SIDE)
    z1, z2 = torch.meshgrid(quantiles, quantiles.flip(0), indexing="xy")
    labels = [signed(value, 2) for value in quantiles.tolist()]
    panel = Panel(
        subject.decode(torch.stack([z1, z2], dim=-1)),
        SIDE,
        row_labels=labels[::-1],
        column_labels=labels,
        axis_labels=(axis_name(0), axis_name(1)),
        gap=0,
        row_gap=0,
    )
    detail = "means of p(x|z) on a grid through the inverse distribution function of the prior N(0, I)"
    return draw_panels([panel], subject.heading("Manifold", detail))


def even_quantiles(n: int) -> Tensor:
    """Return the medians of n intervals with the same probability under N(0, 1): (n,), ascending."""
    quantiles: Tensor = torch.special.ndtri((torch.arange(n) + 0.5) / n)
    return quantiles


def signed(value: float, decimals: int) -> str:
    """Return a number with a minus sign that is as wide as a plus."""
    return f"{value:.{decimals}f}".replace("-", "−")
