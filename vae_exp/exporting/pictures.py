"""Draw the pictures of a model card, from the model only: its data may be missing or private."""

from __future__ import annotations

import torch
from PIL import Image

from vae_exp.figures.steps import draw_step
from vae_exp.figures.subject import array
from vae_exp.figures.tiles import png, resized, tile
from vae_exp.figures.traversals import MOST, REACH, STEPS, traverse
from vae_exp.models.vae import Vae


def draw(vae: Vae, kl_per_dimension: list[float], seed: int) -> dict[str, bytes]:
    """Return samples and traversals as PNG, by the name of their file."""
    return {"samples.png": draw_step(vae, seed), "traversals.png": _traversals(vae, kl_per_dimension)}


def walked(kl_per_dimension: list[float]) -> list[int]:
    """Return the dimensions with the largest KL, at most twelve, in their original order."""
    largest_first = sorted(range(len(kl_per_dimension)), key=lambda d: -kl_per_dimension[d])
    return sorted(largest_first[:MOST])


@torch.no_grad()
def _traversals(vae: Vae, kl_per_dimension: list[float]) -> bytes:
    """Draw the means of p(x|z) with one dimension for each row from −3 to 3, the others at 0."""
    values = torch.linspace(-REACH, REACH, STEPS)
    z = traverse(torch.zeros(vae.latent_dim), walked(kl_per_dimension), values)
    return png(Image.fromarray(tile(resized(array(vae.decode(z.flatten(0, 1)).mean)), STEPS)))
