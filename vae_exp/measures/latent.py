"""How much of its latent space a model uses. All of it from the posteriors q(z|x) of N images: (N, D), in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_exp.distributions import LOG_2PI, DiagonalGaussian

ACTIVE = 0.01
"""A latent dimension is active when Var_x(E[z|x]) is above this (Burda et al. 2015, arXiv 1509.00519, section 5)."""
_NUMBERS = 2**21
"""Numbers in each array at a time, while densities of all pairs are computed."""


def is_active(means: Tensor) -> Tensor:
    """Say of each dimension whether the posterior means (N, D) vary enough: (D,)."""
    return means.double().var(0, correction=0) > ACTIVE


def index_information(posterior: DiagonalGaussian, noise: torch.Generator) -> Tensor:
    """Return log q(z_n|x_n)/q(z_n) for one draw z_n ~ q(z|x_n) of each image: (N,), in float64.

    q(z) = 1/N Σ_m q(z|x_m) is the aggregate posterior of these images. The mean estimates the mutual information of
    z and the index n (Hoffman & Johnson 2016, "ELBO surgery"). It is 0 where all posteriors are the same and can't
    exceed log N, which it reaches where no two overlap. Time grows with N², memory doesn't.
    """
    mean, log_variance = posterior.mean.double(), posterior.log_variance.double()
    posterior = DiagonalGaussian(mean, log_variance)
    z = posterior.rsample(1, noise)[0]  # (N, D)
    rows = max(1, _NUMBERS // mean.numel())
    aggregate = torch.cat([_log_densities(part, posterior).logsumexp(1) for part in torch.split(z, rows)])
    return posterior.log_prob(z) - (aggregate - math.log(len(z)))


def _log_densities(z: Tensor, posterior: DiagonalGaussian) -> Tensor:
    """Return log q(z_m|x_n) of all pairs: (M, D), (N, D) → (M, N)."""
    precision = (-posterior.log_variance).exp()
    squares = (z[:, None] - posterior.mean).square_()  # (M, N, D)
    normaliser = (posterior.log_variance + LOG_2PI).sum(-1)  # (N,)
    return -0.5 * (torch.einsum("mnd,nd->mn", squares, precision) + normaliser)
