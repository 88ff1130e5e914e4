"""Images and labels, split into training, validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.randomness import generator

SEED = 0
"""Seed of all random choices of a data set. It doesn't depend on the run: all runs have the same splits."""

DIGITS = tuple("0123456789")
"""Label names of the data sets of digits."""

_CHUNK = 10_000  # images compared at a time, so that copies stay small

Pixels = NDArray[np.uint8]
"""Images: (N, C, H, W)."""
Labels = NDArray[np.integer]
"""Number of the class of each image: (N,)."""


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) in uint8 and their labels (N,) in int64, if there are labels."""

    images: Tensor
    labels: Tensor | None

    def to(self, device: torch.device) -> Split:
        """Return the split on a device."""
        return Split(self.images.to(device), None if self.labels is None else self.labels.to(device))


@dataclass(frozen=True)
class Splits:
    """A data set, ready to train on."""

    train: Split
    val: Split | None
    test: Split | None
    classes: tuple[str, ...] | None
    """Name of each label."""
    grey: bool
    """Whether the model gets pixels other than 0 and 255. With dynamic binarisation it doesn't."""
    digest: str
    """SHA-256 in hexadecimal of all splits' images and labels."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image, in pixels."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def measured_on(self) -> str:
        """The split that a finished model is measured on: `test`, else `val`, else `train`."""
        return next(name for name in ("test", "val", "train") if self.named(name))

    def named(self, name: str) -> Split | None:
        """Return the split called `train`, `val` or `test`, or None if the data set doesn't have it."""
        return dict(self.items())[name]

    def to(self, device: torch.device) -> Splits:
        """Return the data set on a device."""
        train, val, test = (split and split.to(device) for _, split in self.items())
        assert train is not None
        return Splits(train, val, test, self.classes, self.grey, self.digest)

    def items(self) -> tuple[tuple[str, Split | None], ...]:
        """Return the three splits with their names."""
        return ("train", self.train), ("val", self.val), ("test", self.test)


def assemble(train: Split, val: Split | None, test: Split | None, classes: tuple[str, ...] | None) -> Splits:
    """Return the splits as a data set, with its digest."""
    splits = (train, val, test)
    return Splits(train, val, test, classes, any(map(_is_grey, splits)), _digest(splits))


def stratified_split(images: Pixels, labels: Labels | None, *sizes: int) -> list[Split]:
    """Return splits of images (N, C, H, W) of these sizes, and a last one that gets the rest.

    Stratified: the share of a class in each split is its share of all images, up to rounding. So are the first n images
    of a split, since the classes alternate in it.
    """
    parts = np.split(_stratified_order(len(images), labels), np.cumsum(sizes))
    return [
        Split(
            torch.from_numpy(np.ascontiguousarray(images[i])),
            None if labels is None else torch.from_numpy(labels[i].astype(np.int64)),
        )
        for i in parts
    ]


def _stratified_order(number: int, labels: Labels | None) -> NDArray[np.int64]:
    """Return a fixed shuffle of the indices in which every interval has the classes in proportion.

    The k-th image of a class of n images, in a shuffled order, gets the key (k + 1/2)/n; the keys are sorted.
    """
    shuffled: NDArray[np.int64] = torch.randperm(number, generator=generator(SEED, "data/split")).numpy()
    if labels is None:
        return shuffled
    of_label = labels[shuffled]
    by_label = np.argsort(of_label, kind="stable")
    _, firsts, counts = np.unique(of_label[by_label], return_index=True, return_counts=True)
    place = np.empty(number)
    place[by_label] = (np.arange(number) - np.repeat(firsts, counts) + 0.5) / np.repeat(counts, counts)
    return shuffled[np.argsort(place, kind="stable")]


def _is_grey(split: Split | None) -> bool:
    parts = () if split is None else torch.split(split.images, _CHUNK)
    return any(bool(((part != 0) & (part != 255)).any()) for part in parts)


def _digest(splits: Sequence[Split | None]) -> str:
    sha = hashlib.sha256()
    for split in splits:
        for tensor in (None,) if split is None else (split.images, split.labels):
            sha.update(b"none" if tensor is None else str(tuple(tensor.shape)).encode())
            sha.update(b"" if tensor is None else tensor.numpy().ravel().view(np.uint8).data)
    return sha.hexdigest()
