"""The distributions of a VAE. Densities are in nats, summed over the dimensions of an example.

Sampling takes its generator as an argument, which `torch.distributions` does not offer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
PIXELS = (-3, -2, -1)
"""The axes of an image: channels, height, width."""
LEAST_LOG_SCALE = -6.0
"""Smallest log σ of an optimal scale, as in the code of Rybkin et al. 2021: perfect reconstructions have σ = 0."""


class Likelihood(Protocol):
    """p(x|z), the output of a decoder."""

    @property
    def mean(self) -> Tensor:
        """Return the expected image in [0, 1]: (..., C, H, W)."""
        ...

    def log_prob(self, images: Tensor) -> Tensor:
        """Return log p(x|z) of each example in nats: (..., C, H, W) → (...)."""
        ...

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an image for each z: (..., C, H, W)."""
        ...


def log_standard_normal(z: Tensor) -> Tensor:
    """Return log N(z; 0, I) in nats: (..., D) → (...)."""
    return -0.5 * (z.square() + LOG_2PI).sum(-1)


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

    def detach(self) -> DiagonalGaussian:
        """Return the same distribution without gradients to its parameters."""
        return DiagonalGaussian(self.mean.detach(), self.log_variance.detach())

    def __getitem__(self, index: slice | Tensor) -> DiagonalGaussian:
        """Return the distributions of some examples, indexed along the first axis."""
        return DiagonalGaussian(self.mean[index], self.log_variance[index])


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
        return -_cross_entropy(self.logits, images).sum(PIXELS)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an image of zeros and ones, of the shape of the logits."""
        return torch.bernoulli(self.mean, generator=generator)


def _cross_entropy(logits: Tensor, images: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, images.expand_as(logits), reduction="none")


@dataclass(frozen=True)
class ContinuousBernoulli:
    """Independent pixels in [0, 1] with density proportional to exp(x·logit); logits of shape (..., C, H, W).

    Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845. `torch.distributions.ContinuousBernoulli` is not used: in float32
    its normaliser is wrong by 0.01 nats a pixel from a logit of 15 on, by 0.2 at 20, since it goes through the clamped
    probability, and by 1e-5 where it changes to its Taylor series.
    """

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        """Return E[x] = 1/2 + coth(l/2)/2 − 1/l for each pixel, with the logit l."""
        is_near, near, far = _split_at_zero(self.logits)
        series = near / 12 - near**3 / 720 + near**5 / 30240
        return 0.5 + torch.where(is_near, series, 0.5 / torch.tanh(far / 2) - 1 / far)

    def log_prob(self, images: Tensor) -> Tensor:
        """Return Σ_pixels log C + x·log λ + (1 − x)·log(1 − λ) in nats: (..., C, H, W) → (...)."""
        return (self.log_normaliser() - _cross_entropy(self.logits, images)).sum(PIXELS)

    def log_normaliser(self) -> Tensor:
        """Return log C(λ) of each pixel in nats: with λ = sigmoid(l) it is log(l / tanh(l/2)).

        Near l = 0, where value and gradient would be differences of large numbers, its Taylor series.
        """
        is_near, near, far = _split_at_zero(self.logits)
        x = near.square()
        series = math.log(2) + x / 12 - 7 * x**2 / 1440 + 31 * x**3 / 90720 - 127 * x**4 / 4838400
        return torch.where(is_near, series, (far / torch.tanh(far / 2)).log())

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an image, of the shape of the logits, with the inverse of the distribution function."""
        shape, like = self.logits.shape, self.logits
        uniform = torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype)
        # In terms of −|l| nothing overflows; for l > 0 the draw is mirrored. At l = 0 it is uniform.
        slope = -like.abs().clamp(min=torch.finfo(like.dtype).tiny)
        draw = torch.log1p(uniform * slope.expm1()) / slope
        return torch.where(like > 0, 1 - draw, draw).clamp(0, 1)


def _split_at_zero(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where logits are near 0, and the arguments of a formula for there and of one for elsewhere.

    Where a formula is not valid, its argument is replaced, so that its gradient is not NaN.
    """
    is_near = logits.abs() < 0.5
    return is_near, logits.clamp(-0.5, 0.5), torch.where(is_near, 1.0, logits)


@dataclass(frozen=True)
class Gaussian:
    """Independent pixels N(mean, exp(log_scale)²); mean of shape (..., C, H, W), one log_scale for all pixels.

    A density: it is unbounded as the scale falls, so it compares only with other densities. Scale in pixels
    of [0, 1].
    """

    mean: Tensor
    log_scale: Tensor

    def log_prob(self, images: Tensor) -> Tensor:
        """Return Σ_pixels log N(x; mean, scale²) in nats: (..., C, H, W) → (...)."""
        squares = ((images - self.mean) * (-self.log_scale).exp()).square()
        return -(0.5 * (squares + LOG_2PI) + self.log_scale).sum(PIXELS)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an image, of the shape of the mean; its pixels may be outside [0, 1]."""
        return self.mean + self.log_scale.exp() * _standard_normal(self.mean.shape, self.mean, generator)


@dataclass(frozen=True)
class OptimalGaussian:
    """Independent pixels N(mean, σ²) with the one maximum-likelihood σ of the given images.

    σ² is their mean squared error (Rybkin et al. 2021, arXiv 2006.13202, section 3.2), so that a value depends on its
    batch: for training alone. log σ stays above `LEAST_LOG_SCALE`.
    """

    mean: Tensor

    def log_prob(self, images: Tensor) -> Tensor:
        """Return Σ_pixels log N(x; mean, σ²) in nats: (..., C, H, W) → (...)."""
        return Gaussian(self.mean, log_rmse((images - self.mean).square().mean())).log_prob(images)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Raise TypeError: without images σ is not known."""
        raise TypeError("a Gaussian with the optimal scale draws in evaluation mode only: call eval() first")


def log_rmse(mean_square: Tensor) -> Tensor:
    """Return the log of the root of a mean squared error, at least `LEAST_LOG_SCALE`."""
    return (0.5 * mean_square.log()).clamp(min=LEAST_LOG_SCALE)
