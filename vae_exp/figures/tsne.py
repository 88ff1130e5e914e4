"""`tsne.png`: the posterior means, embedded in the plane (van der Maaten & Hinton 2008)."""

from __future__ import annotations

import torch
from sklearn.manifold import TSNE

from vae_exp.figures.cloud import Cloud, axis_name, plot
from vae_exp.figures.palette import Palette
from vae_exp.figures.sheet import Sheet
from vae_exp.figures.subject import Codes, Floats, Subject
from vae_exp.measures.latent import ACTIVE
from vae_exp.randomness import derive

PERPLEXITY = 30.0
FEWEST = 5
"""Smallest number of points: t-SNE uses three neighbours of each for a perplexity of 1."""


def draw_tsne(subject: Subject) -> Sheet:
    """Draw t-SNE of a fixed subsample of a split's posterior means, or, if it can't run, the means and the reason."""
    codes = _subsample(subject)
    palette = Palette.of(codes.labels, subject.splits.classes, subject.config.figures.palette)
    what = f"{len(codes.means):,} posterior means of {subject.described(subject.config.figures.tsne_split)}"
    why = obstacle(codes)
    if why:
        dims = codes.most_active(2)
        heading = subject.heading("No t-SNE", f"{why}; {what} instead{palette.remark}")
        return plot(Cloud(codes.means[:, dims], [axis_name(d) for d in dims], codes.labels, palette, heading))
    places = layout(codes.means, derive(subject.config.seed, "figures/tsne") % 2**32)
    detail = f"of {what}; perplexity {perplexity_for(len(places)):g}, initialised by PCA; "
    detail += "distances between groups and their sizes mean nothing"
    heading = subject.heading("t-SNE", detail + palette.remark)
    return plot(Cloud(places, [], codes.labels, palette, heading))


def _subsample(subject: Subject) -> Codes:
    """Return the codes of `figures.tsne_points` random images of `figures.tsne_split`."""
    config = subject.config.figures
    split = subject.split(config.tsne_split)
    source = subject.stream("tsne")
    chosen = torch.randperm(len(split.images), generator=source)[: config.tsne_points].sort().values
    return subject.codes(split, chosen, source)


def obstacle(codes: Codes) -> str | None:
    """Return the reason why t-SNE can't embed these codes; None if it can."""
    n, dims = codes.means.shape
    if dims < 2:
        return "t-SNE needs more than the one latent dimension there is"
    if n < FEWEST:
        return f"t-SNE needs at least {FEWEST} points"
    if codes.activity.max() <= ACTIVE:
        return f"the codes have collapsed: no dimension is active (variance of its means above {ACTIVE:g})"
    return None


def perplexity_for(n: int) -> float:
    """Return the default perplexity, or for few points a third of their number."""
    return min(PERPLEXITY, float((n - 1) // 3))


def layout(means: Floats, seed: int) -> Floats:
    """Return the embedding of means (N, D) in the plane: (N, 2)."""
    tsne = TSNE(
        n_components=2,
        perplexity=perplexity_for(len(means)),
        init="pca",
        learning_rate="auto",
        max_iter=1000,
        random_state=seed,
    )
    places: Floats = tsne.fit_transform(means)
    return places
