"""A model and an objective in another package: each is a dataclass, an implementation, and a YAML file below `conf/`.

A data set is added in the same way: `@schema("data", …)`, and a function of its configuration that returns `Splits`.

    python -m pip install examples/extension
    python -m vae_exp.train --config-dir examples/extension/conf -m model=linear objective=capacity objective.nats=2,4
"""

import math
from dataclasses import dataclass

from torch import Generator, Tensor, nn

from vae_exp.config import ModelConfig, ObjectiveConfig
from vae_exp.distributions import DiagonalGaussian
from vae_exp.models.vae import Shape
from vae_exp.objectives import Decode, Objective, Terms
from vae_exp.registry import implements, schema


@schema("model", "linear")
@dataclass
class LinearConfig(ModelConfig):
    """Linear encoder and decoder: with a Gaussian likelihood, probabilistic PCA except for the sigmoid."""

    name: str = "linear"


@implements(LinearConfig)
def build(config: LinearConfig, shape: Shape) -> tuple[nn.Module, nn.Module]:
    """Return encoder (B, C, H, W) → (B, 2·D) and decoder (N, D) → (N, C, H, W)."""
    pixels = math.prod(shape)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 2 * config.latent_dim))
    return encoder, nn.Sequential(nn.Linear(config.latent_dim, pixels), nn.Unflatten(1, shape))


@schema("objective", "capacity")
@dataclass
class CapacityConfig(ObjectiveConfig):
    """Reconstruction plus 10·|KL − nats|, which holds the KL at a capacity (Burgess et al. 2018, arXiv 1804.03599)."""

    name: str = "capacity"
    nats: float = 3.0


@implements(CapacityConfig)
def build_capacity(config: CapacityConfig) -> Objective:
    """Return the objective of this configuration."""

    def capacity(
        images: Tensor, posterior: DiagonalGaussian, decode: Decode, generator: Generator, epoch: int | None = None
    ) -> Terms:
        z, kl = posterior.rsample(config.samples, generator), posterior.kl().sum(-1)
        reconstruction = -decode(z).log_prob(images).mean(0)
        return Terms(reconstruction + 10 * (kl - config.nats).abs(), reconstruction, kl)

    return capacity
