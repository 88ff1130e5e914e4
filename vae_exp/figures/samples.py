"""`samples.png`, `aggregate_posterior.png` and the samples of each step: what the model makes up."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from vae_exp.figures.panels import Panel, draw_panels
from vae_exp.figures.subject import Subject

IMAGES, COLUMNS = 100, 10


def draw_samples(subject: Subject) -> Figure:
    """Draw the means of p(x|z) at draws of z from the prior."""
    images = subject.decode(subject.prior(IMAGES, subject.stream("samples")))
    detail = f"means of p(x|z) at {IMAGES} draws of z from the prior N(0, I)"
    return draw_panels([Panel(images, COLUMNS)], f"Samples: {subject.title}", detail)


def draw_aggregate_posterior(subject: Subject) -> Figure:
    """Draw the means of p(x|z) at draws of z from the aggregate posterior, beside those from the prior."""
    source = subject.stream("aggregate_posterior")
    split = subject.splits.train
    chosen = torch.randint(len(split.images), (IMAGES,), generator=source)
    posterior = subject.encode(subject.images(split, chosen, source))
    noise = subject.prior(IMAGES, source).to(posterior.mean)
    z = posterior.mean + (0.5 * posterior.log_variance).exp() * noise
    panels = [
        Panel(subject.decode(z), COLUMNS, "z from the aggregate posterior q(z)"),
        Panel(subject.decode(subject.prior(IMAGES, source)), COLUMNS, "z from the prior p(z) = N(0, I)"),
    ]
    detail = f"means of p(x|z) at {IMAGES} draws of z; q(z) is the mean of q(z|x) over the training images"
    return draw_panels(panels, f"Aggregate posterior and prior: {subject.title}", detail)
