"""`samples.png`, `aggregate_posterior.png`: images that the model generates."""

from __future__ import annotations

import torch

from vae_exp.figures.panels import Panel, draw_panels
from vae_exp.figures.sheet import Sheet
from vae_exp.figures.subject import Subject

IMAGES, COLUMNS = 100, 10


def draw_samples(subject: Subject) -> Sheet:
    """Draw the means of p(x|z) at draws of z from the prior."""
    images = subject.decode(subject.prior(IMAGES, subject.stream("samples")))
    detail = f"means of p(x|z) at {IMAGES} draws of z from the prior N(0, I)"
    return draw_panels([Panel(images, COLUMNS)], subject.heading("Samples", detail))


def draw_aggregate_posterior(subject: Subject) -> Sheet:
    """Draw the means of p(x|z) at draws of z from the aggregate posterior, next to those from the prior."""
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
    return draw_panels(panels, subject.heading("Aggregate posterior and prior", detail))
