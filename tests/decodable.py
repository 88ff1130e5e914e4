"""Untrained runs on images of 8×8 with codes of three labels, whose decoders a page can run."""

import torch
from compared import config, write

from vae_exp.models import build_model
from vae_exp.storage import checkpoint


def bright(options, shape):
    """Return an untrained model with enlarged weights, so that its images have the contrast of a trained one's."""
    vae = build_model(options, shape, seed=0).eval()
    with torch.no_grad():
        while vae.decode(points(options, seed=1)).mean.std() < 0.25:
            for parameter in vae.decoder.parameters():
                parameter.mul_(1.2)
    return vae


def points(options, seed=0):
    """Return a hundred latent points, with 1.5 times the standard deviation of the prior."""
    return 1.5 * torch.randn(100, options.latent_dim, generator=torch.Generator().manual_seed(seed))


def decodable(
    path, options=None, losses=((1.0, 1.0),), weights=None, codes=None, classes=None, split="test", **written
):
    """Write a finished run on images of 8×8 with weights and codes; an entry that is None is left out."""
    options = options or config()
    folder = write(path, options, losses, **written)
    fill(folder, options, weights or {}, codes or {}, classes, split)
    return folder


def fill(folder, options, weights, codes, classes=None, split="test"):
    first = bright(options.model, (1, 8, 8)).state_dict()
    folder.write_weights("best", without_none(first | weights), 1)
    numbers = torch.arange(30.0 * options.model.latent_dim).view(30, -1) % 7
    first = {"mean": numbers, "log_variance": -numbers, "labels": torch.arange(30) % 3}
    checkpoint.write(folder.codes_file, without_none(first | codes), {"split": split, "epoch": 1, "classes": classes})


def without_none(tensors):
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}
