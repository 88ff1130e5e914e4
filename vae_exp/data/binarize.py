"""Binarise grey images: `data.binarize`."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from vae_exp.config import DataConfig
from vae_exp.data.splits import SEED, Split, Splits, assemble
from vae_exp.randomness import generator

_CHUNK = 10_000  # images drawn at a time, so that float copies stay small


def draw(images: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel, 0. or 1., with its grey value (0 to 255 in uint8) / 255 as the probability."""
    return torch.bernoulli(images / 255, generator=generator)


def binarize(splits: Splits, config: DataConfig) -> Splits:
    """Return the splits, binarised according to `data.binarize`.

    `static`: all images are thresholded or drawn once. `dynamic`: validation and test images are drawn once;
    training images stay grey for the loop, which draws them each time.
    """
    if config.binarize == "none":
        return splits
    drawn = {name: split and _once(split, name, config.threshold) for name, split in splits.items()}
    train = splits.train if config.binarize == "dynamic" else drawn["train"]
    assert train is not None
    return dataclasses.replace(assemble(train, drawn["val"], drawn["test"], splits.classes), grey=False)


def _once(split: Split, name: str, threshold: float | None) -> Split:
    if threshold is not None:
        return Split((split.images / 255 > threshold).to(torch.uint8) * 255, split.labels)
    fixed = generator(SEED, f"data/binarize/{name}")
    drawn = [draw(images, fixed).to(torch.uint8) for images in torch.split(split.images, _CHUNK)]
    return Split(torch.cat(drawn) * 255, split.labels)
