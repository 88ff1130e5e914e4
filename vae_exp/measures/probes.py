"""Probes of the latent space, fitted to some posterior means and scored on others."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_exp.errors import one_line

NEIGHBOURS = 5
"""Number of nearest neighbours."""
MOST_SILHOUETTES = 2000
"""Number of points for the silhouette, the first ones: all pairs of distances are computed."""

log = logging.getLogger(__name__)


def neighbour_hits(means: NDArray[Any], labels: NDArray[Any], others: NDArray[Any], truth: NDArray[Any]) -> Tensor:
    """Return 1. where the nearest of `means` (N, D) predict the label of `others` (M, D), else 0.: (M,)."""
    from sklearn.neighbors import KNeighborsClassifier

    vote = KNeighborsClassifier(min(NEIGHBOURS, len(means)))
    fit(vote, means, labels)
    return _hits(vote, others, truth)


def linear_hits(means: NDArray[Any], labels: NDArray[Any], others: NDArray[Any], truth: NDArray[Any]) -> Tensor:
    """Return 1. where a logistic regression on scaled `means` (N, D) predicts the label of `others` (M, D): (M,)."""
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
    """Fit a classifier of scikit-learn. Its warnings, such as that it has not converged, go to the log."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(features, labels)
    for text in dict.fromkeys(one_line(str(warning.message).split("\n")[0]) for warning in caught):
        log.warning("%s", text)


def _hits(classifier: Any, features: NDArray[Any], labels: NDArray[Any]) -> Tensor:
    return torch.from_numpy(classifier.predict(features) == labels).double()
