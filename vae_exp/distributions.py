"""The distributions a VAE is made of. Tensors in, tensors out; densities in nats, summed over one example's dimensions.

Sampling takes its generator as an argument, which `torch.distributions` does not offer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def _standard_normal(shape: torch.Size | tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_variance))); both of shape (..., D)."""

    mean: Tensor
    log_variance: Tensor

    def rsample(self, samples: int, generator: torch.Generator) -> Tensor:
        """Draw z = μ + σ·ε, ε ~ N(0, I), with gradients to μ and σ (Kingma & Welling 2013, 2.4): (S, ..., D)."""
        noise = _standard_normal((samples, *self.mean.shape), self.mean, generator)
        return torch.addcmul(self.mean, (0.5 * self.log_variance).exp(), noise)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log N(z; mean, variance) in nats: (..., D) → (...)."""
        squares = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (squares + self.log_variance + LOG_2PI).sum(-1)

    def kl(self) -> Tensor:
        """Return KL(self ‖ N(0, I)) per dimension in nats (Kingma & Welling 2013, appendix B): (..., D)."""
        return 0.5 * (self.mean.square() + self.log_variance.expm1() - self.log_variance)


@dataclass(frozen=True)
class Bernoulli:
    """Independent pixels with p(x = 1) = sigmoid(logits); logits of shape (..., C, H, W)."""

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        """Return p(x = 1) for each pixel, of the shape of the logits."""
        return self.logits.sigmoid()

    def log_prob(self, images: Tensor) -> Tensor:
        """Return Σ_pixels x·log p + (1 − x)·log(1 − p) in nats: (..., C, H, W) → (...).

        A log-likelihood for pixels that are 0 or 1. For grey pixels in [0, 1] it is the negative cross-entropy.
        """
        targets = images.expand_as(self.logits)
        return -F.binary_cross_entropy_with_logits(self.logits, targets, reduction="none").sum((-3, -2, -1))

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an image of zeros and ones, of the shape of the logits."""
        return torch.bernoulli(self.mean, generator=generator)
