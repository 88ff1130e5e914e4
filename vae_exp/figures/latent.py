"""`latent.png`: the posterior means in latent space."""

from __future__ import annotations

from vae_exp.figures.cloud import Cloud, axis_name, plot
from vae_exp.figures.palette import Palette
from vae_exp.figures.sheet import Sheet
from vae_exp.figures.subject import Subject

MOST = 5
"""Dimensions of the largest pair plot."""


def draw_latent(subject: Subject) -> Sheet:
    """Draw the posterior means of the test images by label: a histogram, a scatter plot or a pair plot."""
    codes = subject.test_codes
    dims = codes.most_active(MOST)
    palette = Palette.of(codes.labels, subject.splits.classes, subject.config.figures.palette)
    detail = f"posterior means E[z|x] of {len(codes.means):,} {subject.described('test')}"
    if len(dims) < subject.latent_dim:
        detail += f"; the {MOST} dimensions with the largest variance of means, of {subject.latent_dim}"
    detail += "; dashed: the prior N(0, I)" + (", circles at 1 and 2 σ" if len(dims) > 1 else "")
    detail += "; grey: all images" if len(dims) != 2 else ""
    heading = subject.heading("Latent space", detail + palette.remark)
    return plot(Cloud(codes.means[:, dims], [axis_name(d) for d in dims], codes.labels, palette, heading))
