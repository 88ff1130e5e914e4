"""The function that draws each figure."""

from __future__ import annotations

from collections.abc import Callable

from vae_exp.figures.kl_per_dimension import draw_kl_per_dimension
from vae_exp.figures.latent import draw_latent
from vae_exp.figures.loss_curves import draw_loss_curves
from vae_exp.figures.reconstructions import draw_interpolations, draw_reconstructions
from vae_exp.figures.samples import draw_aggregate_posterior, draw_samples
from vae_exp.figures.sheet import Sheet
from vae_exp.figures.subject import Subject
from vae_exp.figures.traversals import draw_manifold, draw_traversals
from vae_exp.figures.tsne import draw_tsne

GALLERY: dict[str, Callable[[Subject], Sheet | None]] = {
    "loss_curves": draw_loss_curves,
    "latent": draw_latent,
    "tsne": draw_tsne,
    "reconstructions": draw_reconstructions,
    "samples": draw_samples,
    "traversals": draw_traversals,
    "manifold": draw_manifold,
    "kl_per_dimension": draw_kl_per_dimension,
    "interpolations": draw_interpolations,
    "aggregate_posterior": draw_aggregate_posterior,
}
"""By name in `figures.which`. A function returns None if its figure doesn't apply to the model."""
