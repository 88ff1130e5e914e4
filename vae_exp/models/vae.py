"""The VAE: an encoder and a decoder network between images and distributions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vae_exp.config import ModelConfig
from vae_exp.config.model import SCALED
from vae_exp.distributions import (
    Bernoulli,
    ContinuousBernoulli,
    DiagonalGaussian,
    Gaussian,
    Likelihood,
    OptimalGaussian,
)
from vae_exp.eight_bit import Dequantized, DiscretizedLogistic
from vae_exp.geometry import Shape as Shape
from vae_exp.randomness import derive, generator
from vae_exp.registry import implementation_of

FIRST_SCALE = 1 / math.sqrt(12)
"""Initial value of a learned scale: the standard deviation of a uniform pixel in [0, 1]."""
MOST_POINTS = 500
"""Largest number of latent points that are decoded at a time, without gradients."""
MOST_PIXELS = MOST_POINTS * 32 * 32
"""Largest number of pixels (height × width) that are decoded at a time: larger images are decoded in smaller parts."""


class Vae(nn.Module):
    """q(z|x) and p(x|z) with a standard normal prior.

    `encoder` maps (B, C, H, W) to (B, 2·D), means before log-variances. `decoder` maps (N, D) to (N, C, H, W), the
    logits of the pixels. A Gaussian likelihood has their sigmoid as its mean (Kingma & Welling 2013, section 5), a
    discretised logistic has 1/2 plus them as its location. Both have one scale for all pixels: fixed, a parameter
    `log_scale`, or, with `optimal_scale`, that of each batch in training and the buffer `log_scale` in evaluation
    (Rybkin et al. 2021, arXiv 2006.13202).
    """

    log_scale: Tensor

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, config: ModelConfig, points_at_once: int = MOST_POINTS
    ) -> None:
        super().__init__()
        self.points_at_once = points_at_once
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = config.latent_dim
        self.likelihood = config.likelihood
        self.optimal_scale = config.optimal_scale
        self.dequantize = config.dequantize
        if config.likelihood in SCALED:
            log_scale = torch.tensor(math.log(FIRST_SCALE if config.scale is None else config.scale))
            if config.scale is None and not config.optimal_scale:
                self.log_scale = nn.Parameter(log_scale)
            else:
                self.register_buffer("log_scale", log_scale, persistent=config.optimal_scale)

    def forward(self, images: Tensor) -> tuple[DiagonalGaussian, Likelihood]:
        """Return q(z|x) of images (B, C, H, W), uint8 or floats in [0, 1], and p(x|z) at the mean of q(z|x)."""
        posterior = self.encode(images)
        return posterior, self.decode(posterior.mean)

    def encode(self, images: Tensor) -> DiagonalGaussian:
        """Return q(z|x) of images (B, C, H, W), uint8 or floats in [0, 1]."""
        mean, log_variance = self.encoder(pixels(images)).chunk(2, dim=-1)
        return DiagonalGaussian(mean, log_variance)

    def decode(self, z: Tensor) -> Likelihood:
        """Return p(x|z) of latent points (..., D); its pixels are (..., C, H, W)."""
        output = self._decoded(z.flatten(0, -2))
        logits = output.view(z.shape[:-1] + output.shape[1:])
        likelihood = self._likelihood(logits)
        return Dequantized(likelihood) if self.dequantize else likelihood

    def _likelihood(self, logits: Tensor) -> Likelihood:
        match self.likelihood:
            case "gaussian" if self.optimal_scale and self.training:
                return OptimalGaussian(logits.sigmoid())
            case "gaussian":
                return Gaussian(logits.sigmoid(), self.log_scale)
            case "discretized_logistic":
                return DiscretizedLogistic(0.5 + logits, self.log_scale)
            case "continuous_bernoulli":
                return ContinuousBernoulli(logits)
            case _:
                return Bernoulli(logits)

    def _decoded(self, z: Tensor) -> Tensor:
        """Return the decoder's output for (N, D), without gradients in parts, so that memory is bounded."""
        if torch.is_grad_enabled() or len(z) <= self.points_at_once:
            output: Tensor = self.decoder(z)
            return output
        return torch.cat([self.decoder(part) for part in torch.split(z, self.points_at_once)])

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Return the means of p(x|z) for n draws of z from the prior: (n, C, H, W) in [0, 1]."""
        return self.decode(self.prior(n, seed)).mean

    def prior(self, n: int, seed: int) -> Tensor:
        """Return n draws of z from the prior, on the device of the model: (n, D)."""
        z = torch.randn(n, self.latent_dim, generator=generator(seed, "prior"))
        return z.to(next(self.parameters()).device)


def pixels(images: Tensor, dequantization: torch.Generator | None = None) -> Tensor:
    """Return images as floats in [0, 1]; with a noise generator, pixels k of 8 bits as (k + u)/256, u uniform."""
    if images.dtype != torch.uint8:
        return images
    if dequantization is None:
        return images / 255
    return (images + torch.rand(images.shape, generator=dequantization, device=images.device)) / 256


def build_model(config: ModelConfig, shape: Shape, seed: int) -> Vae:
    """Return a newly initialised model on the CPU; raise UserError if the configuration doesn't fit the shape."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initialisation"))
        encoder, decoder = implementation_of(config)(config, shape)
        _, height, width = shape
        points_at_once = max(1, min(MOST_POINTS, MOST_PIXELS // (height * width)))
        return Vae(encoder, decoder, config, points_at_once).to(memory_format=torch.channels_last)
