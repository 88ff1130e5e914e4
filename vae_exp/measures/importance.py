"""log p(x) by importance sampling from the posterior, and how far the estimate can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_exp.distributions import log_standard_normal
from vae_exp.models.vae import Vae, pixels


@dataclass(frozen=True)
class Estimate:
    """Statistics of K weights w_k = p(x, z_k)/q(z_k|x), z_k ~ q(z|x), of each image: (N,) each, in float64."""

    log_likelihood: Tensor
    """log 1/K Σ_k w_k in nats. Its expectation is at most log p(x) and grows with K (Burda et al. 2015,
    arXiv 1509.00519, theorem 1)."""
    with_a_tenth: Tensor
    """The same for the first K/10 weights, rounded down; −inf if that is 0."""
    effective_samples: Tensor
    """(Σ w_k)²/Σ w_k², between 1 and K (Kong 1992): near 1, one weight dominates the sum."""


@torch.no_grad()
def estimate_log_likelihood(
    model: Vae,
    images: Tensor,
    samples: int,
    noise: torch.Generator,
    on_images: Callable[[int], None] = lambda done: None,
) -> Estimate:
    """Return the estimate of each image (N, C, H, W) with K `samples`; `on_images` gets the number of finished ones."""
    at_once, done = max(1, model.points_at_once // samples), 0
    sums = torch.empty((3, len(images)), dtype=torch.float64, device=images.device)  # no list: see `index_information`
    for batch, into in zip(torch.split(images, at_once), torch.split(sums, at_once, 1), strict=True):
        into.copy_(_log_sums(model, pixels(batch), samples, noise))
        done += len(batch)
        on_images(done)
    total, tenth, squares = sums
    few = max(1, samples // 10)
    return Estimate(total - math.log(samples), tenth - math.log(few), (2 * total - squares).exp())


def _log_sums(model: Vae, images: Tensor, samples: int, noise: torch.Generator) -> Tensor:
    """Return log Σ w, log Σ w of the first tenth, and log Σ w² of each image: (3, B)."""
    sums = torch.full((3, len(images)), -math.inf, dtype=torch.float64, device=images.device)
    left = samples // 10
    for log_weights in _log_weights(model, images, samples, noise):  # (k, B)
        tenth = log_weights[:left].logsumexp(0) if left else torch.full_like(sums[1], -math.inf)
        found = torch.stack([log_weights.logsumexp(0), tenth, (2 * log_weights).logsumexp(0)])
        sums = torch.logaddexp(sums, found)
        left -= min(left, len(log_weights))
    return sums


def _log_weights(model: Vae, images: Tensor, samples: int, noise: torch.Generator) -> Iterator[Tensor]:
    """Yield log w of each image (B,), for as many z at a time as memory allows: (k, B), in float64."""
    posterior = model.encode(images)
    at_once = max(1, model.points_at_once // len(images))
    for begin in range(0, samples, at_once):
        z = posterior.rsample(min(at_once, samples - begin), noise)  # (k, B, D)
        log_likelihood = model.decode(z).log_prob(images).double()
        yield log_likelihood + log_standard_normal(z).double() - posterior.log_prob(z).double()
