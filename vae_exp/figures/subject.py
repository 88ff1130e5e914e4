"""The content of the figures: a model, its data and its epochs, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.config import Config
from vae_exp.data import Split, Splits
from vae_exp.data.binarize import draw
from vae_exp.distributions import DiagonalGaussian
from vae_exp.figures.heading import Heading
from vae_exp.models.vae import Vae, pixels
from vae_exp.randomness import generator
from vae_exp.storage.metrics import Record

Floats = NDArray[np.floating]
Images = NDArray[np.floating]
"""(N, C, H, W), pixels in [0, 1]."""

MOST_IMAGES = 10_000
"""Largest number of images that are encoded for a figure: the first of a split, which are stratified."""


@dataclass(frozen=True)
class Codes:
    """Posteriors of N images in D dimensions."""

    means: Floats
    """(N, D)."""
    kl: Floats
    """KL(q(z|x) ‖ N(0, I)) in nats: (N, D)."""
    labels: NDArray[np.int64] | None
    """(N,), if the images have labels."""

    @property
    def activity(self) -> Floats:
        """Return Var_x(E[z|x]) of each dimension: (D,)."""
        variance: Floats = self.means.var(0)
        return variance

    def most_active(self, n: int) -> list[int]:
        """Return the n dimensions with the highest activity, in their original order."""
        return sorted(np.argsort(-self.activity, kind="stable")[:n].tolist())


@dataclass(frozen=True)
class Subject:
    """A model in evaluation mode, its data on the same device, its epochs and its configuration."""

    model: Vae
    splits: Splits
    records: Sequence[Record]
    config: Config

    def stream(self, figure: str) -> torch.Generator:
        """Return the figure's own random generator, on the CPU, so that every device has the same draws."""
        return generator(self.config.seed, f"figures/{figure}")

    def heading(self, what: str, detail: str) -> Heading:
        """Return the heading of a figure: its name, data set, model and latent dimensions."""
        run = f"{self.config.data.name}, {self.config.model.name}, latent_dim={self.model.latent_dim}"
        return Heading(f"{what}: {run}", detail, self.config.figures.width)

    @property
    def latent_dim(self) -> int:
        """Return D."""
        return self.model.latent_dim

    def split(self, name: str) -> Split:
        """Return a split, or the training images if the data set doesn't have it (see `described`)."""
        return self.splits.named(name) or self.splits.train

    def described(self, name: str) -> str:
        """Return a description of the images of `split`."""
        word = {"train": "training", "val": "validation", "test": "test"}[name]
        missing = self.splits.named(name) is None
        return f"training images (there is no {word} split)" if missing else f"{word} images"

    def images(self, split: Split, indices: Tensor, source: torch.Generator) -> Tensor:
        """Return these images as input of the model: (N, C, H, W) in [0, 1]; dynamic binarisation draws them."""
        images = split.images[indices.to(split.images.device)]
        if self.config.data.binarize == "dynamic" and split is self.splits.train:
            return draw(images.cpu(), source).to(images.device)
        return pixels(images)

    @torch.no_grad()
    def encode(self, images: Tensor) -> DiagonalGaussian:
        """Return q(z|x) of images (N, C, H, W), without gradients and in batches, so that memory is bounded."""
        size = self.config.evaluation.batch_size
        batches = (pixels(batch) for batch in torch.split(images, size))
        parts = [self.model.encode(batch.contiguous(memory_format=torch.channels_last)) for batch in batches]
        return DiagonalGaussian(torch.cat([p.mean for p in parts]), torch.cat([p.log_variance for p in parts]))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Images:
        """Return the means of p(x|z) of latent points (..., D): (N, C, H, W)."""
        points = z.reshape(-1, self.latent_dim).to(next(self.model.parameters()))
        return array(self.model.decode(points).mean)

    def prior(self, n: int, source: torch.Generator) -> Tensor:
        """Return n draws of z from the prior: (n, D)."""
        return torch.randn(n, self.latent_dim, generator=source)

    def codes(self, split: Split, chosen: Tensor, source: torch.Generator) -> Codes:
        """Return the posteriors of these images of a split."""
        parts = torch.split(chosen, self.config.evaluation.batch_size)
        posteriors = [self.encode(self.images(split, part, source)) for part in parts]
        means, kl = (torch.cat(each) for each in zip(*((q.mean, q.kl()) for q in posteriors), strict=True))
        labels = None if split.labels is None else split.labels[chosen.to(split.labels.device)].cpu().numpy()
        return Codes(array(means), array(kl), labels)

    @cached_property
    def test_codes(self) -> Codes:
        """Return the posteriors of the first test images, which several figures show."""
        split = self.split("test")
        return self.codes(split, torch.arange(min(len(split.images), MOST_IMAGES)), self.stream("codes"))


def array(tensor: Tensor) -> Floats:
    """Return a tensor as an array on the CPU."""
    values: Floats = tensor.detach().cpu().numpy()
    return values
