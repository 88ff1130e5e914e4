"""How much a model uses its latent space, from the posteriors q(z|x) of N images: (N, D), in nats."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from vae_exp.distributions import LOG_2PI, DiagonalGaussian
from vae_exp.measures.estimates import estimate
from vae_exp.storage.records import BOUNDS

ACTIVE = 0.01
"""A latent dimension is active when Var_x(E[z|x]) is above this (Burda et al. 2015, arXiv 1509.00519, section 5)."""
UNUSED = 0.01
"""Mean KL in nats below which an active dimension is logged: its posterior is nearly the prior."""
NEAR = 1.0
"""Distance from log N, in nats, within which the information of N images is only a bound."""
_NUMBERS = 2**21
"""Largest size of the arrays in which the densities of all pairs are computed."""


def is_active(means: Tensor) -> Tensor:
    """Return whether each dimension of the posterior means (N, D) is active: (D,)."""
    return means.double().var(0, correction=0) > ACTIVE


def index_information(posterior: DiagonalGaussian, noise: torch.Generator, draws: int | None = None) -> Tensor:
    """Return log q(z_n|x_n)/q(z_n) for one draw z_n ~ q(z|x_n) of the first images: (draws,), in float64.

    q(z) = 1/N Σ_m q(z|x_m) is the aggregate posterior of all N images. The mean estimates the mutual information of
    z and the index n (Hoffman & Johnson 2016, "ELBO surgery"). It is 0 if all posteriors are the same, and can't
    exceed log N, which it reaches where no two overlap. Time grows with `draws` · N · D, memory doesn't.
    """
    posterior = DiagonalGaussian(posterior.mean.double(), posterior.log_variance.double())
    drawn = posterior[:draws]
    z = drawn.rsample(1, noise)[0]  # (draws, D)
    rows = max(1, _NUMBERS // posterior.mean.numel())
    # Parts in a list would lie between the large arrays, and keep their memory from being used again: 20 GiB of it.
    aggregate = torch.empty(len(z), dtype=z.dtype, device=z.device)
    for part, into in zip(torch.split(z, rows), torch.split(aggregate, rows), strict=True):
        into.copy_(_log_densities(part, posterior).logsumexp(1))
    return drawn.log_prob(z) - (aggregate - math.log(len(posterior.mean)))


def information(posterior: DiagonalGaussian, noise: torch.Generator, draws: int) -> dict[str, Any]:
    """Return the mutual information of z and the image's index, and the rest of the KL, the marginal KL(q(z) ‖ p(z)).

    The two add up to the mean KL of the images that are drawn for. Within a nat of log N the first is a lower bound
    and so the second an upper one: `…_is_bound` says so, and no standard error is given, since it lacks the bias.
    """
    found = index_information(posterior, noise, draws)
    rest = posterior[:draws].kl().double().sum(-1) - found
    is_bound = float(found.mean()) > math.log(len(posterior.mean)) - NEAR
    estimates = estimate("index_code_mutual_information", found) | estimate("marginal_kl_to_prior", rest)
    if is_bound:
        estimates = {name: value for name, value in estimates.items() if not name.endswith("_se")}
    flags = {f"{name}_is_bound": is_bound for name in BOUNDS}
    return estimates | flags | {"index_code_images": len(posterior.mean), "index_code_draws": len(found)}


def _log_densities(z: Tensor, posterior: DiagonalGaussian) -> Tensor:
    """Return log q(z_m|x_n) of all pairs: (M, D), (N, D) → (M, N)."""
    precision = (-posterior.log_variance).exp()
    squares = (z[:, None] - posterior.mean).square_()  # (M, N, D)
    normaliser = (posterior.log_variance + LOG_2PI).sum(-1)  # (N,)
    return -0.5 * (torch.einsum("mnd,nd->mn", squares, precision) + normaliser)
