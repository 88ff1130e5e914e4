"""The measures in tables: name, topic and meaning of each."""

from __future__ import annotations

from typing import NamedTuple

from vae_exp.comparison.table import Comparison

LOSS, LATENT, SAMPLES, RUN = "loss, nats per image", "use of the latent space", "samples", "training"
EARLIER = "As measured by version 0.1."


class Measure(NamedTuple):
    """A measure as a column or a line of a table."""

    name: str
    group: str
    meaning: str


MEASURES = {
    "val/loss": Measure("val loss", LOSS, "Negative ELBO of the validation images; it ranks the rows."),
    "test/loss": Measure("test loss", LOSS, "Negative ELBO of the test images: reconstruction + KL. Lower is better."),
    "test/reconstruction": Measure("reconstruction", LOSS, "−log p(x|z) of the test images at draws of z from q(z|x)."),
    "test/kl": Measure("KL", LOSS, "KL(q(z|x) ‖ p(z)) of the test images: the cost of the codes."),
    "active_units": Measure("active units", LATENT, "Latent dimensions whose posterior mean varies: variance > 0.01."),
    "index_code_mutual_information": Measure(
        "index-code MI", LATENT, "Nats that z contains about the index of its image; at most the log of their number."
    ),
    "marginal_kl_to_prior": Measure(
        "marginal KL to prior", LATENT, "KL(q(z) ‖ p(z)) of the aggregate posterior q(z) and the prior."
    ),
    "mutual_information": Measure("mutual information", LATENT, EARLIER),
    "marginal_kl": Measure("marginal KL", LATENT, EARLIER),
    "knn_accuracy": Measure("kNN accuracy", LATENT, "Share of labels found from the nearest training codes."),
    "linear_probe_accuracy": Measure("linear probe", LATENT, "Share of labels found by a linear classifier of codes."),
    "silhouette": Measure("silhouette", LATENT, "How well the labels are separated, from −1 to 1."),
    "sample_confidence": Measure(
        "sample confidence", SAMPLES, "Confidence of a classifier in means at draws from the prior."
    ),
    "draw_confidence": Measure("confidence in draws", SAMPLES, "Its confidence in images drawn from p(x|z)."),
    "real_confidence": Measure(
        "confidence in real images", SAMPLES, "Its confidence in real images, for comparison with the other two."
    ),
    "sample_label_coverage": Measure("classes in samples", SAMPLES, "Classes that draws from the prior show."),
    "real_label_coverage": Measure("classes in real images", SAMPLES, "Classes that as many real images show."),
    "sample_class_coverage": Measure("classes in samples (even shares)", SAMPLES, EARLIER),
    "scale": Measure("scale", RUN, "Standard deviation of a pixel under the Gaussian likelihood."),
    "rmse": Measure("RMSE", RUN, "Root of the mean squared error of reconstructed pixels."),
    "seconds": Measure("training time", RUN, "Time of all epochs, their evaluation included."),
}
"""By the measure's key, in the order of the columns."""


ESTIMATES = {
    "nll": ("NLL", "Estimate of −log p(x), on average from above"),
    "negative_log_density": ("−log density", "Estimate of −log p(x) as a density of pixels, on average from above"),
    "bits_per_dim": ("bits/dim", "The same in bits for each pixel and channel"),
    "ess": ("ESS", "Effective number of importance samples"),
}
"""Name and meaning of each estimate by importance sampling, without split and K."""
COVERAGES = ("sample_label_coverage", "real_label_coverage", "sample_class_coverage")
"""Shares of the classes."""
NATS = ("index_code_mutual_information", "marginal_kl_to_prior", "mutual_information", "marginal_kl")


def describe(key: str) -> Measure:
    """Return name, topic and meaning of a measure; an estimate by importance sampling has its K: `NLL, K=100`."""
    if key in MEASURES:
        return MEASURES[key]
    split, _, estimate = key.partition("/")
    called, _, samples = estimate.rpartition("_iw")
    name, meaning = ESTIMATES.get(called, (called, "An estimate by importance sampling"))
    images = {"val": "validation", "test": "test"}.get(split, split)
    meaning = f"{meaning}; {images} images, {samples} importance samples each."
    return Measure(f"{'val ' if split == 'val' else ''}{name}, K={samples}", LOSS, meaning)


def known(comparison: Comparison) -> list[str]:
    """Return those measures of the report that a run has, including the estimates of the likelihood."""
    likelihood = [name for name in comparison.measures if "_iw" in name and not name.endswith("_se")]
    at = list(MEASURES).index("active_units")
    ordered = [*list(MEASURES)[:at], *likelihood, *list(MEASURES)[at:]]
    return [name for name in ordered if name in comparison.measures]
