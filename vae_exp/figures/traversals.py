"""`traversals.png` and `manifold.png`: the latent space, walked through."""

from __future__ import annotations

import logging

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vae_exp.figures.cloud import axis_name
from vae_exp.figures.panels import Panel, draw_panels
from vae_exp.figures.subject import Subject

MOST = 12
"""Dimensions that are walked along."""
STEPS, REACH = 13, 3.0
"""Points along each, from −REACH to REACH."""
SIDE = 15
"""Points along each side of the manifold."""
log = logging.getLogger(__name__)


def draw_traversals(subject: Subject) -> Figure:
    """Draw the means of p(x|z) along each of the most active dimensions through the first test image's code."""
    split = subject.split("test")
    source = subject.stream("traversals")
    mean = subject.encode(subject.images(split, torch.tensor([0]), source)).mean[0].cpu()
    dims = subject.test_codes.most_active(MOST)
    values = torch.linspace(-REACH, REACH, STEPS)
    images = subject.decode(traverse(mean, dims, values))
    rows = [axis_name(d) for d in dims]
    panel = Panel(images, STEPS, row_labels=rows, column_labels=list(map(signed, values.tolist())))
    which = "each dimension" if len(dims) == subject.latent_dim else f"each of the {len(dims)} most active dimensions"
    detail = f"means of p(x|z) as {which} goes from −3 to 3, others at E[z|x] of the first of the "
    return draw_panels([panel], f"Traversals: {subject.title}", detail + subject.described("test"))


def traverse(origin: Tensor, dims: list[int], values: Tensor) -> Tensor:
    """Return copies of a point (D,) with one of `dims` set to each of `values` (V,): (len(dims), V, D)."""
    points = origin.repeat(len(dims), len(values), 1)
    for row, d in enumerate(dims):
        points[row, :, d] = values
    return points


def draw_manifold(subject: Subject) -> Figure | None:
    """Draw the means of p(x|z) on a grid of z that the prior covers evenly; for two latent dimensions alone."""
    if subject.latent_dim != 2:
        log.info("manifold.png is drawn for two latent dimensions alone, here there are %s", subject.latent_dim)
        return None
    quantiles = even_quantiles(SIDE)
    z1, z2 = torch.meshgrid(quantiles, quantiles.flip(0), indexing="xy")
    labels = list(map(signed, quantiles.tolist()))
    panel = Panel(
        subject.decode(torch.stack([z1, z2], dim=-1)),
        SIDE,
        row_labels=labels[::-1],
        column_labels=labels,
        axis_labels=(axis_name(0), axis_name(1)),
        gap=0,
    )
    detail = "means of p(x|z) on a grid through the inverse distribution function of the prior N(0, I)"
    return draw_panels([panel], f"Manifold: {subject.title}", detail)


def even_quantiles(n: int) -> Tensor:
    """Return the medians of n intervals that N(0, 1) gives the same probability: (n,), ascending."""
    quantiles: Tensor = torch.special.ndtri((torch.arange(n) + 0.5) / n)
    return quantiles


def signed(value: float) -> str:
    """Return a number with one decimal and a minus sign that is as wide as a plus."""
    return f"{value:.1f}".replace("-", "−")
