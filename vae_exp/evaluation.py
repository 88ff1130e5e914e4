"""What a model is worth on a set of images: means over examples, without gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_exp.models.vae import Vae, pixels
from vae_exp.objectives import PARTS, Objective, SeesAllImages
from vae_exp.randomness import generator


@torch.no_grad()
def evaluate(
    model: Vae, objective: Objective, images: Tensor, *, seed: int, stream: str, batch_size: int
) -> dict[str, float]:
    """Return the means over images (N, C, S, S) of the objective at its final weights, loss, reconstruction and KL.

    In nats per image, summed in float64. The noise comes from its own stream, so the same weights give the same
    numbers however often they are evaluated. `loss` is the plain negative ELBO, whatever the objective is.
    """
    model.eval()
    noise = generator(seed, stream, device=images.device)
    totals = torch.zeros(len(PARTS), dtype=torch.float64, device=images.device)
    kl = torch.zeros(model.latent_dim, dtype=torch.float64, device=images.device)
    for batch in torch.split(images, batch_size):
        batch = pixels(batch).contiguous(memory_format=torch.channels_last)
        posterior = model.encode(batch)
        terms = objective(batch, posterior, model.decode, noise)
        totals += torch.stack([getattr(terms, part).sum(dtype=torch.float64) for part in PARTS])
        kl += posterior.kl().sum(0, dtype=torch.float64)
    means = dict(zip(PARTS, (totals / len(images)).tolist(), strict=True))
    if isinstance(objective, SeesAllImages):
        means["objective"] += objective.over_all_images(kl / len(images))
    return means
