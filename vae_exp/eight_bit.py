"""Likelihoods of 8-bit pixels: −log p(x|z) in nats of 256 grey levels, which gives bits per dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_exp.distributions import PIXELS, Likelihood

HALF_LEVEL = 1 / 510
"""Half the distance of two grey levels of 8 bits, in pixels of [0, 1]."""


@dataclass(frozen=True)
class DiscretizedLogistic:
    """Independent 8-bit pixels: a logistic distribution, discretised to the 256 grey levels k/255.

    P(x) = S((x + δ − m)/s) − S((x − δ − m)/s) with the sigmoid S and δ = 1/510, half the distance of two levels; the
    lowest level has all mass below it, the highest all mass above (Salimans et al. 2017, arXiv 1701.05517, eq. 2; one
    component). Location m of shape (..., C, H, W), one log_scale for all pixels, in pixels of [0, 1].
    """

    location: Tensor
    log_scale: Tensor

    @property
    def mean(self) -> Tensor:
        """Return E[x] of the logistic clipped to [0, 1], at most half a level from the mean of the levels."""
        scale = self.log_scale.exp()
        return scale * (F.softplus(self.location / scale) - F.softplus((self.location - 1) / scale))

    def log_prob(self, images: Tensor) -> Tensor:
        """Return Σ_pixels log P(x) in nats: (..., C, H, W) → (...).

        A difference of sigmoids S(a) − S(b) is computed as S(a)·S(−b)·(1 − exp(b − a)), which doesn't underflow.
        """
        precision = (-self.log_scale).exp()
        below = F.logsigmoid((images + HALF_LEVEL - self.location) * precision)
        above = F.logsigmoid((self.location - images + HALF_LEVEL) * precision)
        between = (-torch.expm1(-2 * HALF_LEVEL * precision)).log()
        lowest, highest = images < HALF_LEVEL, images > 1 - HALF_LEVEL
        log_mass = below.masked_fill(highest, 0) + above.masked_fill(lowest, 0)
        return (log_mass + between.where(~(lowest | highest), 0)).sum(PIXELS)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an image of grey levels in [0, 1], of the shape of the location."""
        like = self.location
        uniform = torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        draw = like + self.log_scale.exp() * uniform.logit(eps=torch.finfo(like.dtype).eps)
        return (255 * draw).round().clamp(0, 255) / 255


@dataclass(frozen=True)
class Dequantized:
    """8-bit pixels k whose (k + u)/256, u uniform in [0, 1), has the density of `likelihood`.

    The mean of `log_prob` over u is at most log P(k) (Theis et al. 2016, arXiv 1511.01844, eq. 7).
    """

    likelihood: Likelihood

    @property
    def mean(self) -> Tensor:
        """Return the mean of the density, in [0, 1]."""
        return self.likelihood.mean

    def log_prob(self, images: Tensor) -> Tensor:
        """Return the log density of 256·x in nats, of images x with their noise: (..., C, H, W) → (...)."""
        return self.likelihood.log_prob(images) - math.prod(images.shape[-3:]) * math.log(256)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw from the density."""
        return self.likelihood.sample(generator)
