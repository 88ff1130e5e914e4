"""The three functions of a VAE, each as a network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vae_exp.models.vae import Shape, Vae


class Encode(nn.Module):
    """Map images (N, C, H, W), floats in [0, 1], to mean and log-variance of q(z|x): (N, D) each."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.vae.encode(images)
        return posterior.mean, posterior.log_variance


class Decode(nn.Module):
    """Map latent points z (N, D) to the mean of p(x|z): (N, C, H, W) in [0, 1]."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, z: Tensor) -> Tensor:
        return self.vae.decode(z).mean


class Reconstruct(nn.Module):
    """Map images (N, C, H, W) to the mean of p(x|z) at the mean of q(z|x), of the same shape."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor) -> Tensor:
        return self.vae.decode(self.vae.encode(images).mean).mean


@dataclass(frozen=True)
class Network:
    """A network with its inputs and outputs."""

    module: nn.Module
    example: Tensor
    """An input of two rows; any number of rows is allowed."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """Return the meaning of the network, in one sentence."""
        return " ".join((self.module.__doc__ or "").split())


def networks(vae: Vae, shape: Shape) -> dict[str, Network]:
    """Return the networks of a model in evaluation mode for images of this shape, by the name of their files."""
    images, z = torch.zeros(2, *shape), torch.zeros(2, vae.latent_dim)
    return {
        "encode": Network(Encode(vae).eval(), images, ("images",), ("mean", "log_variance")),
        "decode": Network(Decode(vae).eval(), z, ("z",), ("images",)),
        "reconstruct": Network(Reconstruct(vae).eval(), images, ("images",), ("reconstructions",)),
    }
