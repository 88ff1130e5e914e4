"""`latent.png`: where the posterior means lie."""

from __future__ import annotations

from matplotlib.figure import Figure

from vae_exp.figures.cloud import Cloud, axis_name, plot
from vae_exp.figures.palette import Palette
from vae_exp.figures.subject import Subject

MOST = 5
"""Dimensions of the largest pair plot."""


def draw_latent(subject: Subject) -> Figure:
    """Draw the posterior means of the test images by label: a histogram, a scatter plot or a pair plot."""
    codes = subject.test_codes
    dims = codes.most_active(MOST)
    detail = f"posterior means E[z|x] of {len(codes.means):,} {subject.described('test')}"
    if len(dims) < subject.latent_dim:
        detail += f"; the {MOST} dimensions whose means vary most, of {subject.latent_dim}"
    palette = Palette.of(codes.labels, subject.splits.classes)
    axes = [axis_name(d) for d in dims]
    return plot(Cloud(codes.means[:, dims], axes, codes.labels, palette, f"Latent space: {subject.title}", detail))
