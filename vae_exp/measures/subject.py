"""The subject of the measures: a model with its data and codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.config import Config
from vae_exp.data import Split, Splits
from vae_exp.data.binarize import draw
from vae_exp.distributions import DiagonalGaussian
from vae_exp.models.vae import Vae, pixels
from vae_exp.randomness import generator

MOST_IMAGES = 10_000
"""Largest number of images of a split that are encoded or fitted to: the first ones."""


@dataclass(frozen=True)
class Codes:
    """Posteriors and labels of N images, on the CPU."""

    posterior: DiagonalGaussian
    """(N, D), in float64."""
    labels: NDArray[np.int64] | None
    """(N,), if there are labels."""

    @property
    def means(self) -> NDArray[np.float64]:
        """Return E[z|x]: (N, D)."""
        means: NDArray[np.float64] = self.posterior.mean.numpy()
        return means


@dataclass(frozen=True)
class Subject:
    """A model in evaluation mode and the data on its device."""

    model: Vae
    splits: Splits
    config: Config
    say: Callable[[str], None]

    @property
    def measured_on(self) -> str:
        """Return the split of all measures that name no other split."""
        return self.splits.measured_on

    def split(self, name: str) -> Split:
        """Return the split called `train`, `val` or `test`, which must exist."""
        split = self.splits.named(name)
        assert split is not None
        return split

    @property
    def device(self) -> torch.device:
        """Return the device of the images."""
        return self.splits.train.images.device

    def batches(self, name: str, most: int = MOST_IMAGES) -> Iterator[Tensor]:
        """Yield the first images of a split as input of the model, in batches of evaluation: (B, C, H, W) in [0, 1].

        Binarised pixels and the noise of dequantisation, which training draws each time, are drawn once.
        """
        is_drawn = self.config.data.binarize == "dynamic" and name == "train"
        binarization = self.stream("binarize", self.device)
        noise = self.stream(f"dequantize/{name}", self.device) if self.config.model.dequantize else None
        for batch in torch.split(self.split(name).images[:most], self.config.evaluation.batch_size):
            seen = draw(batch, binarization) if is_drawn else pixels(batch, noise)
            yield seen.contiguous(memory_format=torch.channels_last)

    def images(self, name: str, most: int = MOST_IMAGES) -> Tensor:
        """Return all of `batches(name, most)`: (N, C, H, W)."""
        return torch.cat(list(self.batches(name, most)))

    def generated(self, n: int) -> Iterator[Tensor]:
        """Yield n images that the model generates, as many at a time as it decodes: (B, C, H, W).

        They are means of p(x|z), or draws if pixels are 0 or 1.
        """
        draws = self.stream("draws", self.device)
        is_binary = not self.splits.grey and self.model.likelihood == "bernoulli"
        for z in torch.split(self.model.prior(n, self.config.seed), self.model.points_at_once):
            likelihood = self.model.decode(z)
            yield likelihood.sample(draws) if is_binary else likelihood.mean

    def labels(self, name: str, most: int = MOST_IMAGES) -> NDArray[np.int64] | None:
        """Return the labels of `images(name, most)`, if there are labels: (N,)."""
        labels = self.split(name).labels
        return None if labels is None else labels[:most].cpu().numpy()

    def codes(self, name: str, most: int = MOST_IMAGES) -> Codes:
        """Return the posteriors of the first images of a split."""
        parts = [self.model.encode(batch) for batch in self.batches(name, most)]
        mean, log_variance = (
            torch.cat([getattr(part, parameter) for part in parts]).cpu().double()
            for parameter in ("mean", "log_variance")
        )
        return Codes(DiagonalGaussian(mean, log_variance), self.labels(name, most))

    def stream(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Return a measure's own random generator."""
        return generator(self.config.seed, f"measures/{name}", device=device)
