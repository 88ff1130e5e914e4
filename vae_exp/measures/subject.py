"""What is measured: a model with its data, and the codes that it gives to images."""

from __future__ import annotations

from collections.abc import Callable
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
"""Images of a split that are encoded or learned from, the first so many."""


@dataclass(frozen=True)
class Codes:
    """Posteriors and labels of N images, on the CPU."""

    posterior: DiagonalGaussian
    """(N, D), in float64."""
    labels: NDArray[np.int64] | None
    """(N,), where there are labels."""

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
        """Return the split of everything that no other split is named for."""
        return self.splits.measured_on

    def split(self, name: str) -> Split:
        """Return the split called `train`, `val` or `test`, which must be there."""
        split = self.splits.named(name)
        assert split is not None
        return split

    def images(self, name: str, most: int = MOST_IMAGES) -> Tensor:
        """Return the first images of a split as the model sees them: (N, C, H, W) in [0, 1].

        Training images that are binarised anew each time are drawn once.
        """
        images = self.split(name).images[:most]
        if self.config.data.binarize == "dynamic" and name == "train":
            return draw(images, self.stream("binarize", images.device))
        return pixels(images)

    def labels(self, name: str) -> NDArray[np.int64] | None:
        """Return the labels of `images(name)`, where there are labels: (N,)."""
        labels = self.split(name).labels
        return None if labels is None else labels[:MOST_IMAGES].cpu().numpy()

    def codes(self, name: str) -> Codes:
        """Return the posteriors of the first images of a split."""
        batches = torch.split(self.images(name), self.config.evaluation.batch_size)
        parts = [self.model.encode(batch.contiguous(memory_format=torch.channels_last)) for batch in batches]
        mean, log_variance = (
            torch.cat([getattr(part, parameter) for part in parts]).cpu().double()
            for parameter in ("mean", "log_variance")
        )
        return Codes(DiagonalGaussian(mean, log_variance), self.labels(name))

    def stream(self, name: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Return a measure's own source of randomness."""
        return generator(self.config.seed, f"measures/{name}", device=device)
