"""Estimates of −log p(x) with their diagnostics, and the scale of the pixels."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import Tensor

from vae_exp.evaluation import caveat, kind_of_estimate
from vae_exp.measures.estimates import estimate, leave_out
from vae_exp.measures.importance import Estimate, estimate_log_likelihood
from vae_exp.measures.subject import Subject

NAMES = {"nll": "nll", "density": "negative_log_density"}
"""Name of the estimate in `final.json`, before its K."""
CONVERGED = 0.1
"""Nats by which ten times as many samples may lower a converged estimate."""

log = logging.getLogger(__name__)


def likelihood(subject: Subject) -> dict[str, Any]:
    """Return the estimates of −log p(x) with K samples and K/10, on validation images and the measured split.

    With each come its bits per dimension, if it is an NLL, and the effective number of samples.
    """
    evaluation, kind = subject.config.evaluation, kind_of_estimate(subject.config.model, subject.splits.grey)
    samples, measured_on = evaluation.importance_samples, subject.measured_on
    note = caveat(kind, subject.splits.grey)
    if kind not in NAMES:
        leave_out(f"{measured_on}/nll_iw{samples}", str(note))
        return {}
    if note:
        log.info("%s/%s_iw%s is a %s", measured_on, NAMES[kind], samples, note)
    found: dict[str, Any] = {"importance_samples": samples}
    for name in ("val", measured_on):
        if subject.splits.named(name) and f"{name}/{NAMES[kind]}_iw{samples}" not in found:
            weights = _estimate(subject, name)
            found |= _described(subject, name, NAMES[kind], weights)
            number = "importance_images" if name == measured_on else f"importance_images_{name}"
            found[number] = len(weights.log_likelihood)
    return found


def _estimate(subject: Subject, name: str) -> Estimate:
    evaluation = subject.config.evaluation
    images = subject.images(name, evaluation.importance_images)
    # The random stream of the measured split has had this name since version 0.1.
    stream = "importance" if name == subject.measured_on else f"importance/{name}"

    def tell(done: int) -> None:
        subject.say(f"importance-weighted estimate, {done} of {len(images)} {name} images")

    noise = subject.stream(stream, images.device)
    return estimate_log_likelihood(subject.model, images, evaluation.importance_samples, noise, tell)


def _described(subject: Subject, name: str, called: str, weights: Estimate) -> dict[str, float]:
    """Return one split's estimates by name; log if more samples would lower them."""
    samples = subject.config.evaluation.importance_samples
    key, few = f"{name}/{called}_iw{samples}", samples // 10
    found = estimate(key, -weights.log_likelihood) | estimate(f"{name}/ess_iw{samples}", weights.effective_samples)
    if called == NAMES["nll"]:
        found |= estimate(f"{name}/bits_per_dim_iw{samples}", bits_per_dimension(-weights.log_likelihood, subject))
    if few:
        found |= estimate(f"{name}/{called}_iw{few}", -weights.with_a_tenth)
        fall = float((weights.log_likelihood - weights.with_a_tenth).mean())
        if fall > CONVERGED:
            log.warning(
                "%s has not converged: it fell by %.2f nats from K = %s to %s, and %.1f of %s samples count; take more"
                " evaluation.importance_samples",
                *(key, fall, few, samples, found[f"{name}/ess_iw{samples}"], samples),
            )
    return found


def bits_per_dimension(nats: Tensor, subject: Subject) -> Tensor:
    """Convert nats per image to bits per pixel and channel."""
    return nats / (math.log(2) * math.prod(subject.splits.shape))


@torch.no_grad()
def scale(subject: Subject) -> dict[str, float]:
    """Return the scale of the likelihood and the RMSE of the pixels at one draw of z for each image, in [0, 1].

    The RMSE is the maximum-likelihood scale of a Gaussian. Empty for other likelihoods.
    """
    if subject.model.likelihood != "gaussian":
        return {}
    noise = subject.stream("rmse", subject.device)
    squares = torch.cat([_squares(subject, batch, noise) for batch in subject.batches(subject.measured_on)])
    return {"scale": float(subject.model.log_scale.exp()), "rmse": float(squares.mean().sqrt())}


def _squares(subject: Subject, images: Tensor, noise: torch.Generator) -> Tensor:
    """Return the mean squared error of each image: (B,), in float64."""
    means = subject.model.decode(subject.model.encode(images).rsample(1, noise)).mean[0]
    return (images - means).double().square().mean((1, 2, 3))
