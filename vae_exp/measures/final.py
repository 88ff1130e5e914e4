"""All measures of a finished run, in the order in which they are taken."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from vae_exp.config import Config
from vae_exp.data import Splits
from vae_exp.evaluation import is_likelihood, means, per_image
from vae_exp.measures import importance, latent, probes, samples
from vae_exp.measures.estimates import estimate
from vae_exp.measures.subject import Codes, Subject
from vae_exp.models.vae import Vae
from vae_exp.objectives import PARTS, build_objective

MOST_PAIRED = 5_000
"""Images whose posteriors are all held against each other, the first so many."""

Found = dict[str, Any]

log = logging.getLogger(__name__)


@torch.no_grad()
def measure(model: Vae, splits: Splits, config: Config, say: Callable[[str], None]) -> Found:
    """Return the measures of a model in evaluation mode by name, ready for JSON; nats are per image.

    `val/…` and `test/…` are the means that every epoch has. All else is measured on the test images; on validation
    images where the data has no test split, and on training images where it has neither: `measured_on` names them.
    What is an estimate has its standard error beside it, `<name>_se`. A measure that is not defined here, or not
    finite, is left out, and the log says why. `say` is told what is being done.
    """
    subject = Subject(model, splits, config, say)
    codes = subject.codes(subject.measured_on)
    found = (
        losses(subject) | {"measured_on": subject.measured_on} | likelihood(subject) | use_of_latents(subject, codes)
    )
    # Arrays this small make the threads of scikit-learn's libraries wait for each other, twenty times as long.
    with threadpool_limits(1):
        found |= use_of_labels(subject, codes)
    for name in [name for name, value in found.items() if isinstance(value, float) and not math.isfinite(value)]:
        leave_out(name, f"it is {found.pop(name)}")
    return found


def leave_out(names: str, reason: str) -> None:
    """Say in the log why measures are missing."""
    log.info("not given: %s, since %s", names, reason)


def losses(subject: Subject) -> Found:
    """Return objective, loss, reconstruction and KL of validation and test images, as after an epoch."""
    evaluation, objective = subject.config.evaluation, build_objective(subject.config.objective)
    found: Found = {}
    for name in ("val", "test"):
        if split := subject.splits.named(name):
            stream, size = f"evaluation/{name}", evaluation.batch_size
            parts, kl = per_image(
                subject.model, objective, split.images, seed=subject.config.seed, stream=stream, batch_size=size
            )
            for part, values in zip(PARTS, parts, strict=True):
                found |= estimate(f"{name}/{part}", values)
            found |= {f"{name}/{part}": mean for part, mean in means(objective, parts, kl).items()}
    return found


def likelihood(subject: Subject) -> Found:
    """Return the importance-weighted estimate of −log p(x), K in its name, and how many images it is of."""
    evaluation, name = subject.config.evaluation, subject.measured_on
    key = f"{name}/nll_iw{evaluation.importance_samples}"
    if not is_likelihood(subject.model.likelihood, subject.splits.grey):
        leave_out(key, "Bernoulli cross-entropy of grey pixels is an objective, not a likelihood")
        return {}
    images = subject.images(name, evaluation.importance_images)

    def tell(done: int) -> None:
        subject.say(f"importance-weighted NLL, {done} of {len(images)} images")

    noise = subject.stream("importance", images.device)
    values = importance.log_likelihood(subject.model, images, evaluation.importance_samples, noise, tell)
    counts = {"importance_samples": evaluation.importance_samples, "importance_images": len(images)}
    return estimate(key, -values) | counts


def use_of_latents(subject: Subject, codes: Codes) -> Found:
    """Return KL per dimension, active units, and the mean KL's two parts: mutual information and marginal KL.

    The two add up to the mean KL of the `information_images` images that they are of. That mean is known in closed
    form, so the marginal KL(q(z) ‖ p(z)) has the standard error of the mutual information.
    """
    subject.say("use of the latent space")
    paired = codes.posterior[:MOST_PAIRED]
    found = estimate("mutual_information", latent.index_information(paired, subject.stream("information")))
    marginal = float(paired.kl().sum(-1).mean()) - found["mutual_information"]
    error = {"marginal_kl_se": found["mutual_information_se"]} if "mutual_information_se" in found else {}
    return {
        "kl_per_dimension": codes.posterior.kl().mean(0).tolist(),
        "active_units": int(latent.is_active(codes.posterior.mean).sum()),
        **found,
        "marginal_kl": marginal,
        **error,
        "information_images": len(paired.mean),
    }


def use_of_labels(subject: Subject, codes: Codes) -> Found:
    """Return what labels say about the latent space and the samples; nothing where there are less than two."""
    labels = subject.labels("train")
    if labels is None or len(np.unique(labels)) < 2:
        reason = "the data has no labels" if labels is None else "all training images have the same label"
        leave_out("knn_accuracy, linear_probe_accuracy, silhouette, sample_confidence, sample_class_coverage", reason)
        return {}
    return probe(subject, codes) | silhouette(codes) | drawn(subject)


def probe(subject: Subject, codes: Codes) -> Found:
    """Return the share of labels that are found from means, by probes fitted to means of training images."""
    if subject.measured_on == "train":
        leave_out("knn_accuracy, linear_probe_accuracy", "there are no images beside the training images")
        return {}
    subject.say("probes of the latent space")
    train = subject.codes("train")
    assert train.labels is not None
    assert codes.labels is not None
    sides = (train.means, train.labels, codes.means, codes.labels)
    return estimate("knn_accuracy", probes.neighbour_hits(*sides)) | estimate(
        "linear_probe_accuracy", probes.linear_hits(*sides)
    )


def silhouette(codes: Codes) -> Found:
    """Return the mean silhouette of the labels; none where the codes have collapsed, or each is its own class."""
    means, labels = codes.means[: probes.MOST_SILHOUETTES], codes.labels
    assert labels is not None
    classes = len(np.unique(labels[: len(means)]))
    if not latent.is_active(codes.posterior.mean).any():
        leave_out("silhouette", "the codes have collapsed: no latent dimension is active")
    elif not 2 <= classes < len(means):
        leave_out("silhouette", f"it needs two classes, and more images than classes; there are {classes}")
    else:
        return estimate("silhouette", probes.silhouettes(means, labels[: len(means)]))
    return {}


def drawn(subject: Subject) -> Found:
    """Return how sure a classifier of training images is of prior samples, and how many of the classes they show."""
    subject.say("classifier of samples")
    labels = subject.labels("train")
    assert labels is not None
    classifier = samples.train_classifier(subject.images("train"), labels)
    found: Found = {}
    if subject.measured_on != "train":
        images, truth = subject.images(subject.measured_on), subject.labels(subject.measured_on)
        hits = torch.from_numpy(samples.predicted(classifier, images) == truth)
        found = estimate("classifier_accuracy", hits)
    chances = samples.probabilities(classifier, subject.model.sample(samples.SAMPLES, subject.config.seed))
    found |= estimate("sample_confidence", chances.max(1).values)
    return found | {"sample_class_coverage": samples.class_coverage(chances)}
