"""The objectives that training minimises: values in nats for each example, not averaged over the batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from vae_exp.config import ElboConfig, IwaeConfig, ObjectiveConfig
from vae_exp.distributions import DiagonalGaussian, Likelihood, log_standard_normal
from vae_exp.registry import implementation_of, implements

PARTS = ("objective", "loss", "reconstruction", "kl")
"""The parts of `Terms`, as named in metrics."""

Decode = Callable[[Tensor], Likelihood]
"""Maps latent points (..., D) to p(x|z)."""


@dataclass(frozen=True)
class Terms:
    """The parts of the loss for each example, in nats: (B,) each."""

    objective: Tensor
    """The minimised value."""
    reconstruction: Tensor
    """−log p(x|z), averaged over the samples of z."""
    kl: Tensor
    """KL(q(z|x) ‖ N(0, I))."""

    @property
    def loss(self) -> Tensor:
        """Return the plain negative ELBO, whatever the objective is."""
        return self.reconstruction + self.kl

    def parts(self) -> Tensor:
        """Return the values in the order of `PARTS`, without gradients: (4, B)."""
        with torch.no_grad():
            return torch.stack([self.objective, self.loss, self.reconstruction, self.kl])


class Objective(Protocol):
    """An objective of this configuration, at this epoch (1, 2, …).

    `epoch=None` means its final weights and each example on its own, as in evaluation. An objective whose weights
    change as it trains has the attribute `first_final_epoch`: see `first_final_epoch`.
    """

    def __call__(
        self,
        images: Tensor,
        posterior: DiagonalGaussian,
        decode: Decode,
        generator: torch.Generator,
        epoch: int | None = None,
    ) -> Terms: ...


@runtime_checkable
class SeesAllImages(Protocol):
    """An objective with a part that is not a mean over examples."""

    def over_all_images(self, kl: Tensor) -> float:
        """Return the term, in nats, that the mean of `Terms.objective` lacks; `kl` is the mean over all images (D,)."""
        ...


def build_objective(config: ObjectiveConfig) -> Objective:
    """Return the objective of a configuration."""
    objective: Objective = implementation_of(config)(config)
    return objective


def first_final_epoch(objective: Objective) -> int:
    """Return the first epoch whose objective has its final weights: 1, unless the objective defines another one.

    Objectives of earlier epochs are not comparable, so none of these epochs can be the best.
    """
    return int(getattr(objective, "first_final_epoch", 1))


@implements(ElboConfig)
@dataclass(frozen=True)
class Elbo:
    """The negative ELBO with L samples (Kingma & Welling 2013, eq. 10)."""

    config: ElboConfig

    @property
    def first_final_epoch(self) -> int:
        """Return the first epoch after the warm-up of the KL."""
        return self.config.warmup_epochs + 1

    def __call__(
        self,
        images: Tensor,
        posterior: DiagonalGaussian,
        decode: Decode,
        generator: torch.Generator,
        epoch: int | None = None,
    ) -> Terms:
        """Return the terms of images (B, C, H, W) under their posterior (B, D)."""
        z = posterior.rsample(self.config.samples, generator)  # (L, B, D)
        reconstruction = -decode(z).log_prob(images).mean(0)  # (B,)
        kl = posterior.kl()  # (B, D)
        total = kl.sum(-1)
        is_bounded = epoch is not None and self.config.free_bits > 0
        bounded = free_bits(kl, self.config.free_bits).sum(-1) if is_bounded else total
        objective = torch.add(reconstruction, bounded, alpha=kl_weight(self.config, epoch))
        return Terms(objective, reconstruction, total)

    def over_all_images(self, kl: Tensor) -> float:
        """Return the term of free bits, β·Σ_d max(0, nats − KL_d), with KL the mean over all images (D,)."""
        return self.config.beta * float((self.config.free_bits - kl).clamp(min=0).sum())


@implements(IwaeConfig)
@dataclass(frozen=True)
class Iwae:
    """The negative importance-weighted bound with K samples (Burda et al. 2015, eq. 8)."""

    config: IwaeConfig

    def __call__(
        self,
        images: Tensor,
        posterior: DiagonalGaussian,
        decode: Decode,
        generator: torch.Generator,
        epoch: int | None = None,
    ) -> Terms:
        """Return the terms of images (B, C, H, W) under their posterior (B, D).

        With `dreg` the bound is the same and the encoder's gradient Σ_k w̃_k²·∂log w_k/∂z·∂z/∂φ: the weights w̃ enter
        once more, and q's own parameters not at all (Tucker et al. 2018, arXiv 1810.04152, eq. 8).
        """
        z = posterior.rsample(self.config.samples, generator)  # (K, B, D)
        log_likelihood = decode(z).log_prob(images)  # (K, B)
        density = posterior.detach() if self.config.dreg else posterior
        log_weights = log_likelihood + log_standard_normal(z) - density.log_prob(z)  # (K, B)
        if self.config.dreg and z.requires_grad:
            weights = log_weights.detach().softmax(0).unsqueeze(-1)  # (K, B, 1)
            z.register_hook(lambda gradient: weights * gradient)  # type: ignore[no-untyped-call]  # torch has no type here
        bound = log_weights.logsumexp(0) - math.log(self.config.samples)
        return Terms(-bound, -log_likelihood.mean(0), posterior.kl().sum(-1))


def kl_weight(config: ElboConfig, epoch: int | None) -> float:
    """Return the weight of the KL: 0 in the first epoch of a warm-up, `beta` after its last."""
    if epoch is None or epoch > config.warmup_epochs:
        return config.beta
    return config.beta * (epoch - 1) / config.warmup_epochs


def free_bits(kl: Tensor, nats: float) -> Tensor:
    """Replace the KL of dimensions whose batch mean is below `nats` by `nats`, without gradient: (B, D) → (B, D).

    The mean over the batch is Σ_d max(nats, mean_b KL_bd) (Kingma et al. 2016, eq. 15).
    """
    return torch.where(kl.mean(0) > nats, kl, nats)
