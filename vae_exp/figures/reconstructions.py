"""`reconstructions.png`, `interpolations.png`: images and their reconstructions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vae_exp.data import Split
from vae_exp.figures.panels import Panel, draw_panels
from vae_exp.figures.sheet import Sheet
from vae_exp.figures.subject import Subject, array
from vae_exp.figures.tiles import GAP

IMAGES, COLUMNS = 50, 10
PAIRS, STEPS = 10, 10


def draw_reconstructions(subject: Subject) -> Sheet:
    """Draw training and held-out images, each above the mean of p(x|z) at its posterior mean."""
    held_out = next((name for name in ("test", "val") if subject.splits.named(name)), None)
    panels = [_pairs(subject, name) for name in ("train", held_out) if name]
    detail = "images chosen at random, each above its reconstruction: the mean of p(x|z) at z = E[z|x]"
    return draw_panels(panels, subject.heading("Reconstructions", detail))


def _pairs(subject: Subject, name: str) -> Panel:
    """Return images of a split, each directly above its reconstruction."""
    source = subject.stream(f"reconstructions/{name}")
    split = subject.split(name)
    chosen = torch.randperm(len(split.images), generator=source)[:IMAGES]
    images = subject.images(split, chosen, source)
    decoded = subject.decode(subject.encode(images).mean)
    pairs = np.concatenate([array(images), decoded], axis=-2)
    return Panel(pairs, COLUMNS, f"{len(pairs)} {subject.described(name)}", row_gap=4 * GAP)


def draw_interpolations(subject: Subject) -> Sheet:
    """Draw interpolations between pairs of test images in latent space."""
    split = subject.split("test")
    source = subject.stream("interpolations")
    first, last = choose_pairs(split, source)
    images = subject.images(split, torch.cat([first, last]), source)
    means = subject.encode(images).mean.cpu()
    start, end = means.chunk(2)
    ways = between(start, end, STEPS)
    panels = [
        Panel(array(images[: len(first)]), 1, "from"),
        Panel(subject.decode(ways), STEPS, "means of p(x|z)"),
        Panel(array(images[len(first) :]), 1, "to"),
    ]
    detail = f"between pairs of {subject.described('test')}, chosen at random; z on the straight line between their "
    detail += "posterior means"
    return draw_panels(panels, subject.heading("Interpolations", detail))


def between(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return points on the straight lines from start to end (N, D), both included: (N, steps, D)."""
    weight = torch.linspace(0, 1, steps)[None, :, None]
    return (1 - weight) * start[:, None] + weight * end[:, None]


def choose_pairs(split: Split, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the indices of the two images of each pair, of different classes if there are several."""
    order = torch.randperm(len(split.images), generator=source)
    if split.labels is None:
        ends = order.repeat(2 * PAIRS)[: 2 * PAIRS]
        return ends[::2], ends[1::2]
    labels = split.labels.cpu()[order].numpy()
    classes = [order[torch.from_numpy(labels == label)] for label in np.unique(labels)]
    n = len(classes)
    first = [classes[i % n][i // n % len(classes[i % n])] for i in range(PAIRS)]
    last = [classes[(i + 1) % n][-1 - i // n % len(classes[(i + 1) % n])] for i in range(PAIRS)]
    return torch.stack(first), torch.stack(last)
