"""The fully connected VAE (Kingma & Welling 2013, appendix C)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from torch import nn

from vae_exp.config import MlpConfig
from vae_exp.models.vae import Shape
from vae_exp.registry import implements

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "softplus": nn.Softplus}


@implements(MlpConfig)
def build(config: MlpConfig, shape: Shape) -> tuple[nn.Module, nn.Module]:
    """Return encoder (B, C, H, W) → (B, 2·D) and decoder (N, D) → (N, C, H, W), which gives logits."""
    pixels = math.prod(shape)
    encoder = nn.Sequential(
        nn.Flatten(),
        *_hidden([pixels, *config.hidden], config.activation),
        nn.Linear(config.hidden[-1], 2 * config.latent_dim),
    )
    decoder = nn.Sequential(
        *_hidden([config.latent_dim, *reversed(config.hidden)], config.activation),
        nn.Linear(config.hidden[0], pixels),
        nn.Unflatten(1, shape),
    )
    return encoder, decoder


def _hidden(widths: list[int], activation: str) -> Iterator[nn.Module]:
    for before, after in itertools.pairwise(widths):
        yield nn.Linear(before, after)
        yield _ACTIVATIONS[activation]()
