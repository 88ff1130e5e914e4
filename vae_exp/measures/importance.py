"""log p(x) by importance sampling from the posterior."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vae_exp.distributions import log_standard_normal
from vae_exp.models.vae import Vae, pixels

POINTS = 500
"""Latent points in memory at a time, however many samples and images there are."""


@torch.no_grad()
def log_likelihood(
    model: Vae,
    images: Tensor,
    samples: int,
    noise: torch.Generator,
    on_images: Callable[[int], None] = lambda done: None,
) -> Tensor:
    """Return log 1/K Σ_k p(x, z_k)/q(z_k|x), z_k ~ q(z|x), of each image in nats: (N, C, H, W) → (N,), in float64.

    Its expectation is at most log p(x) and grows with K (Burda et al. 2015, arXiv 1509.00519, theorem 1). `on_images`
    learns how many images are done.
    """
    parts: list[Tensor] = []
    done = 0
    for batch in torch.split(images, max(1, POINTS // samples)):
        parts.append(_log_sum_of_weights(model, pixels(batch), samples, noise) - math.log(samples))
        done += len(batch)
        on_images(done)
    return torch.cat(parts)


def _log_sum_of_weights(model: Vae, images: Tensor, samples: int, noise: torch.Generator) -> Tensor:
    """Return log Σ_k w_k of each image (B,), summed up over as many z at a time as memory is meant to hold."""
    posterior = model.encode(images)
    total = torch.full((len(images),), -math.inf, dtype=torch.float64, device=images.device)
    at_once = max(1, POINTS // len(images))
    for begin in range(0, samples, at_once):
        z = posterior.rsample(min(at_once, samples - begin), noise)  # (k, B, D)
        log_likelihood = model.decode(z).log_prob(images).double()
        log_weights = log_likelihood + log_standard_normal(z).double() - posterior.log_prob(z).double()  # (k, B)
        total = torch.logaddexp(total, log_weights.logsumexp(0))
    return total
