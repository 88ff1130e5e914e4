"""What training minimises. Per-example values in nats; nothing is averaged over the batch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vae_exp.config import ElboConfig, ObjectiveConfig
from vae_exp.distributions import DiagonalGaussian
from vae_exp.registry import implementation_of, implements


class Likelihood(Protocol):
    """p(x|z): what a decoder returns."""

    def log_prob(self, images: Tensor) -> Tensor:
        """Return log p(x|z) of each example in nats: (B, C, H, W) → (..., B)."""
        ...


@dataclass(frozen=True)
class Terms:
    """The parts of the loss for each example, in nats: (B,) each."""

    objective: Tensor
    """What is minimised."""
    reconstruction: Tensor
    """−log p(x|z), averaged over the samples of z."""
    kl: Tensor
    """KL(q(z|x) ‖ N(0, I))."""

    @property
    def loss(self) -> Tensor:
        """Return the plain negative ELBO, whatever the objective is."""
        return self.reconstruction + self.kl


class Objective(Protocol):
    """An objective of this configuration, at this epoch (1, 2, …); `epoch=None` means its final weights."""

    def __call__(
        self,
        images: Tensor,
        posterior: DiagonalGaussian,
        decode: Callable[[Tensor], Likelihood],
        generator: torch.Generator,
        epoch: int | None = None,
    ) -> Terms: ...


def build_objective(config: ObjectiveConfig) -> Objective:
    """Return the objective that a configuration describes."""
    objective: Objective = implementation_of(config)(config)
    return objective


@implements(ElboConfig)
def elbo(config: ElboConfig) -> Objective:
    """The negative ELBO with L samples (Kingma & Welling 2013, eq. 10)."""

    def terms(
        images: Tensor,
        posterior: DiagonalGaussian,
        decode: Callable[[Tensor], Likelihood],
        generator: torch.Generator,
        epoch: int | None = None,
    ) -> Terms:
        z = posterior.rsample(config.samples, generator)  # (L, B, D)
        reconstruction = -decode(z).log_prob(images).mean(0)  # (B,)
        kl = posterior.kl()  # (B, D)
        objective = reconstruction + kl_weight(config, epoch) * free_bits(kl, config.free_bits).sum(-1)
        return Terms(objective, reconstruction, kl.sum(-1))

    return terms


def kl_weight(config: ElboConfig, epoch: int | None) -> float:
    """Return the weight of the KL: 0 in the first epoch of a warm-up, `beta` after its last."""
    if epoch is None or epoch > config.warmup_epochs:
        return config.beta
    return config.beta * (epoch - 1) / config.warmup_epochs


def free_bits(kl: Tensor, nats: float) -> Tensor:
    """Give dimensions whose batch-mean KL is below `nats` that value and no gradient: (B, D) → (B, D).

    The mean over the batch is Σ_d max(nats, mean_b KL_bd) (Kingma et al. 2016, eq. 15).
    """
    if nats == 0:
        return kl
    return torch.where(kl.mean(0) > nats, kl, nats)
