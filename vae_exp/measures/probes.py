"""What the labels say about the latent space: probes fitted to some posterior means and scored on others."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.errors import one_line

NEIGHBOURS = 5
"""Nearest training means that vote on a label."""
MOST_SILHOUETTES = 2000
"""Points whose distances to each other are computed for the silhouette, the first so many."""

log = logging.getLogger(__name__)


def neighbour_hits(means: NDArray[Any], labels: NDArray[Any], others: NDArray[Any], truth: NDArray[Any]) -> Tensor:
    """Say which labels of `others` (M, D) their nearest neighbours among `means` (N, D) agree with: 0. or 1., (M,)."""
    from sklearn.neighbors import KNeighborsClassifier

    vote = KNeighborsClassifier(min(NEIGHBOURS, len(means)))
    fit(vote, means, labels)
    return _hits(vote, others, truth)


def linear_hits(means: NDArray[Any], labels: NDArray[Any], others: NDArray[Any], truth: NDArray[Any]) -> Tensor:
    """Say which labels of `others` (M, D) a logistic regression on scaled `means` (N, D) finds: 0. or 1., (M,)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    fit(probe, means, labels)
    return _hits(probe, others, truth)


def silhouettes(means: NDArray[Any], labels: NDArray[Any]) -> Tensor:
    """Return the silhouette of each of the first points (N, D), in [−1, 1] (Rousseeuw 1987): (N,).

    There must be at least two labels, and fewer labels than points.
    """
    from sklearn.metrics import silhouette_samples

    values = silhouette_samples(means[:MOST_SILHOUETTES], labels[:MOST_SILHOUETTES])
    return torch.from_numpy(values)


def fit(classifier: Any, features: NDArray[Any], labels: NDArray[Any]) -> None:
    """Fit a classifier of scikit-learn. What it warns of goes to the log: above all that it has not converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(features, labels)
    for text in dict.fromkeys(one_line(str(warning.message).split("\n")[0]) for warning in caught):
        log.warning("%s", text)


def _hits(classifier: Any, features: NDArray[Any], labels: NDArray[Any]) -> Tensor:
    return torch.from_numpy(classifier.predict(features) == labels).double()
