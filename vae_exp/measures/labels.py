"""Measures that need labels: of the latent space and of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.measures import latent, probes, samples
from vae_exp.measures.estimates import estimate, leave_out, proportion
from vae_exp.measures.subject import Codes, Subject

Found = dict[str, Any]


def label_measures(subject: Subject, codes: Codes) -> Found:
    """Return the measures of the latent space and of samples; empty for fewer than two labels."""
    labels = subject.labels("train")
    if labels is None or len(np.unique(labels)) < 2:
        reason = "the data has no labels" if labels is None else "all training images have the same label"
        names = "knn_accuracy, linear_probe_accuracy, silhouette, classifier_accuracy, sample_confidence"
        leave_out(f"{names}, sample_label_coverage", reason)
        return {}
    return code_measures(subject, codes) | sample_measures(subject, labels)


def code_measures(subject: Subject, codes: Codes) -> Found:
    """Return the accuracy of probes of the posterior means, and the silhouette; empty for collapsed codes.

    A probe rescales the means, so it could find labels in differences far below the width of the posteriors.
    """
    if not latent.is_active(codes.posterior.mean).any():
        names = "knn_accuracy, linear_probe_accuracy, silhouette"
        leave_out(names, "the codes have collapsed: no latent dimension is active")
        return {}
    return probe(subject, codes) | silhouette(codes)


def probe(subject: Subject, codes: Codes) -> Found:
    """Return the accuracy of probes that are fitted to means of training images."""
    if subject.measured_on == "train":
        leave_out("knn_accuracy, linear_probe_accuracy", "there are only training images")
        return {}
    subject.say("probes of the latent space")
    train = subject.codes("train")
    assert train.labels is not None
    assert codes.labels is not None
    sides = (train.means, train.labels, codes.means, codes.labels)
    return proportion("knn_accuracy", probes.neighbour_hits(*sides)) | proportion(
        "linear_probe_accuracy", probes.linear_hits(*sides)
    )


def silhouette(codes: Codes) -> Found:
    """Return the mean silhouette of the labels; empty for one class, or as many classes as images."""
    means, labels = codes.means[: probes.MOST_SILHOUETTES], codes.labels
    assert labels is not None
    classes = len(np.unique(labels[: len(means)]))
    if not 2 <= classes < len(means):
        leave_out("silhouette", f"it needs two classes, and more images than classes; there are {classes}")
        return {}
    return estimate("silhouette", probes.silhouettes(means, labels[: len(means)]))


def sample_measures(subject: Subject, labels: NDArray[np.int64]) -> Found:
    """Return the confidence of a classifier in prior samples, and the classes that they show.

    Beside both is what it says of real images. Where pixels are 0 or 1 the samples are draws from p(x|z), since their
    means are grey, as no image that it has seen.
    """
    subject.say("classifier of samples")
    classifier = samples.train_classifier(subject.batches("train"), labels)
    shares = torch.from_numpy(np.unique(labels, return_counts=True)[1] / len(labels))
    number = samples.number_for(shares)
    chances = samples.probabilities(classifier, subject.generated(min(number, samples.MOST)))
    found = real_image_measures(subject, classifier, shares)
    found |= estimate("sample_confidence" if subject.splits.grey else "draw_confidence", chances.max(1).values)
    if number > samples.MOST:
        reason = f"the rarest class would need {number} samples, more than {samples.MOST}"
        leave_out("sample_label_coverage", reason)
        return found
    return found | {"sample_label_coverage": samples.label_coverage(chances, shares), "classified_samples": number}


def real_image_measures(subject: Subject, classifier: Any, shares: Tensor) -> Found:
    """Return accuracy, confidence and classes of the classifier on real images that it was not fitted to."""
    name = subject.measured_on
    if name == "train":
        leave_out("classifier_accuracy, real_confidence, real_label_coverage", "there are only training images")
        return {}
    chances = samples.probabilities(classifier, subject.batches(name))
    truth = subject.labels(name)
    hits = torch.from_numpy(classifier.classes_[chances.argmax(1).numpy()] == truth)
    found = proportion("classifier_accuracy", hits) | estimate("real_confidence", chances.max(1).values)
    if len(chances) * float(shares.min()) < 1:
        leave_out("real_label_coverage", f"{len(chances)} images are too few for the rarest class")
        return found
    return found | {"real_label_coverage": samples.label_coverage(chances, shares)}
