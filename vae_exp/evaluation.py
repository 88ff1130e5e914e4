"""Evaluate a model on a set of images: means over examples, without gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_exp.config import Config, ModelConfig
from vae_exp.config.model import DENSITIES
from vae_exp.data import Splits
from vae_exp.data.binarize import draw
from vae_exp.models.vae import Vae, pixels
from vae_exp.objectives import PARTS, Objective, SeesAllImages
from vae_exp.randomness import generator

CODES = 2000
"""Number of images whose codes a run saves, the first of the split that is measured."""


def evaluate(
    model: Vae, objective: Objective, images: Tensor, *, seed: int, stream: str, batch_size: int
) -> dict[str, float]:
    """Return the means over images (N, C, H, W) of objective (with its final weights), loss, reconstruction and KL.

    In nats per image, summed in float64. The noise comes from its own stream, so the same weights always give the same
    numbers. It is drawn batch by batch, so another batch size estimates the same means with other draws. `loss` is the
    plain negative ELBO, whatever the objective is.
    """
    return means(objective, *per_image(model, objective, images, seed=seed, stream=stream, batch_size=batch_size))


@torch.no_grad()
def per_image(
    model: Vae, objective: Objective, images: Tensor, *, seed: int, stream: str, batch_size: int
) -> tuple[Tensor, Tensor]:
    """Return the `PARTS` of each image, (4, N), and its KL per dimension, (N, D): in nats and float64."""
    model.eval()
    noise = generator(seed, stream, device=images.device)
    dequantization = generator(seed, f"{stream}/dequantize", device=images.device) if model.dequantize else None
    parts, kl = [], []
    for batch in torch.split(images, batch_size):
        batch = pixels(batch, dequantization).contiguous(memory_format=torch.channels_last)
        posterior = model.encode(batch)
        terms = objective(batch, posterior, model.decode, noise)
        parts.append(terms.parts().double())
        kl.append(posterior.kl().double())
    return torch.cat(parts, 1), torch.cat(kl)


def means(objective: Objective, parts: Tensor, kl: Tensor) -> dict[str, float]:
    """Return the means over images of what `per_image` returned, by the names in `PARTS`."""
    found = dict(zip(PARTS, parts.mean(1).tolist(), strict=True))
    if isinstance(objective, SeesAllImages):
        found["objective"] += objective.over_all_images(kl.mean(0))
    return found


@torch.no_grad()
def first_codes(model: Vae, splits: Splits, config: Config) -> dict[str, Tensor]:
    """Return q(z|x) of the first images of the measured split, by a model in evaluation mode, on the CPU.

    `mean` and `log_variance` are (N, D) in float32, with N at most `CODES`; `labels`, if there are any, are (N,) in
    int64. Dynamically binarised training images are drawn once.
    """
    name = splits.measured_on
    split = splits.named(name)
    assert split is not None
    images = split.images[:CODES]
    if config.data.binarize == "dynamic" and name == "train":
        images = draw(images, generator(config.seed, "codes", device=images.device))
    batches = torch.split(pixels(images), config.evaluation.batch_size)
    posteriors = [model.encode(batch.contiguous(memory_format=torch.channels_last)) for batch in batches]
    codes = {
        "mean": torch.cat([posterior.mean for posterior in posteriors]).cpu(),
        "log_variance": torch.cat([posterior.log_variance for posterior in posteriors]).cpu(),
    }
    return codes if split.labels is None else codes | {"labels": split.labels[:CODES].cpu()}


def kind_of_estimate(model: ModelConfig, grey: bool) -> str:
    """Return the kind of an estimate of −log p(x): `nll`, `density`, or only `objective`.

    For grey pixels the Bernoulli's is a cross-entropy. A density of pixels in [0, 1] is not a likelihood of 8-bit
    pixels unless they are dequantised, and for pixels that are 0 or 1 it is unbounded.
    """
    if model.likelihood in DENSITIES:
        return "nll" if model.dequantize else "density"
    return "objective" if model.likelihood == "bernoulli" and grey else "nll"


def caveat(kind: str, grey: bool) -> str | None:
    """Return a caveat for an estimate of this kind; None for an NLL."""
    if kind == "objective":
        return "cross-entropy objective: a Bernoulli is not a likelihood of grey pixels, so no NLL is given"
    if kind == "density" and not grey:
        return "density of pixels that are 0 or 1: it is unbounded; model.likelihood=bernoulli gives an NLL"
    if kind == "density":
        return "density of pixels in [0, 1], not a likelihood of 8-bit pixels; model.dequantize=true gives an NLL"
    return None
