"""The VAE: an encoder and a decoder network between images and distributions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vae_exp.config import ModelConfig
from vae_exp.distributions import Bernoulli, DiagonalGaussian
from vae_exp.randomness import derive, generator
from vae_exp.registry import implementation_of

Shape = tuple[int, int, int]
"""Channels, height and width of an image, in pixels."""


class Vae(nn.Module):
    """q(z|x) and p(x|z) with a standard normal prior.

    `encoder` maps (B, C, H, W) to (B, 2·D), means before log-variances. `decoder` maps (N, D) to (N, C, H, W).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = config.latent_dim

    def encode(self, images: Tensor) -> DiagonalGaussian:
        """Return q(z|x) of images (B, C, H, W), uint8 or floats in [0, 1]."""
        mean, log_variance = self.encoder(pixels(images)).chunk(2, dim=-1)
        return DiagonalGaussian(mean, log_variance)

    def decode(self, z: Tensor) -> Bernoulli:
        """Return p(x|z) of latent points (..., D); its pixels are (..., C, H, W)."""
        output = self.decoder(z.reshape(-1, self.latent_dim))
        return Bernoulli(output.reshape(*z.shape[:-1], *output.shape[1:]))

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Return the means of p(x|z) for n draws of z from the prior: (n, C, H, W) in [0, 1]."""
        device = next(self.parameters()).device
        z = torch.randn(n, self.latent_dim, generator=generator(seed, "prior")).to(device)
        return self.decode(z).mean


def pixels(images: Tensor) -> Tensor:
    """Return images as floats in [0, 1]."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def build_model(config: ModelConfig, shape: Shape, seed: int) -> Vae:
    """Return a freshly initialised model on the CPU; raise UserError where the configuration doesn't fit the shape."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initialisation"))
        encoder, decoder = implementation_of(config)(config, shape)
        return Vae(encoder, decoder, config).to(memory_format=torch.channels_last)
