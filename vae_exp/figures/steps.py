"""`steps/epoch_0010.png`: samples of the model during training. Drawn between epochs, so without matplotlib."""

from __future__ import annotations

import torch
from PIL import Image

from vae_exp.figures.subject import array
from vae_exp.figures.tiles import png, resized, tile
from vae_exp.models import Vae
from vae_exp.randomness import generator

IMAGES, COLUMNS, WIDTH = 100, 10, 56
"""Number of images, of images in a row, and width of an image in pixels: small, since there are many files."""


@torch.no_grad()
def draw_step(model: Vae, seed: int) -> bytes:
    """Return the means of p(x|z) as a PNG, at draws of z from the prior that are the same for every epoch."""
    model.eval()
    z = torch.randn(IMAGES, model.latent_dim, generator=generator(seed, "figures/steps"))
    images = array(model.decode(z.to(next(model.parameters()))).mean)
    return png(Image.fromarray(tile(resized(images, WIDTH), COLUMNS)))
