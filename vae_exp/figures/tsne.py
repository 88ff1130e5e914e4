"""`tsne.png`: the posterior means, laid out in the plane (van der Maaten & Hinton 2008)."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from vae_exp.figures.latent import Labels, point_size
from vae_exp.figures.palette import Palette
from vae_exp.figures.sheet import sheet
from vae_exp.figures.subject import ACTIVE, Codes, Floats, Subject
from vae_exp.randomness import derive

PERPLEXITY = 30.0
FEWEST = 5
"""Points that t-SNE needs: a perplexity of at least 1 takes three neighbours for each."""


def draw_tsne(subject: Subject) -> Figure:
    """Draw t-SNE of a fixed subsample of a split's posterior means; where it can't run, what can be drawn, and why."""
    figures = subject.config.figures
    what = subject.described(figures.tsne_split)
    codes = _subsample(subject, figures.tsne_points)
    palette = Palette.of(codes.labels, subject.splits.classes)
    why = obstacle(codes)
    if why:
        detail = f"posterior means of {len(codes.means):,} {what}, not laid out: {why}"
        return plane(_plane_of(codes), codes.labels, palette, f"No t-SNE: {subject.title}", detail)
    perplexity = perplexity_for(len(codes.means))
    seed = derive(subject.config.seed, "figures/tsne") % 2**32
    detail = (
        f"of {len(codes.means):,} posterior means of {what}; perplexity {perplexity:g}, PCA initialisation; "
        "distances between groups and their sizes mean nothing"
    )
    return plane(layout(codes.means, seed), codes.labels, palette, f"t-SNE: {subject.title}", detail)


def _subsample(subject: Subject, points: int) -> Codes:
    """Return the codes of a fixed random choice of images."""
    split = subject.split(subject.config.figures.tsne_split)
    n = len(split.images)
    chosen = torch.randperm(n, generator=subject.stream("tsne"))[:points].sort().values
    chosen = chosen.to(split.images.device)
    labels = None if split.labels is None else split.labels[chosen]
    return subject.codes(dataclasses.replace(split, images=split.images[chosen], labels=labels))


def obstacle(codes: Codes) -> str | None:
    """Say why t-SNE can't lay these codes out; None where it can."""
    n, dims = codes.means.shape
    if dims < 2:
        return "one latent dimension is a line already"
    if n < FEWEST:
        return f"{n} points are too few, it takes {FEWEST}"
    if codes.activity.max() <= ACTIVE:
        return f"the codes have collapsed, no dimension is active (variance of the means above {ACTIVE:g})"
    return None


def perplexity_for(n: int) -> float:
    """Return the usual perplexity, or for few points a third of their number."""
    return min(PERPLEXITY, float((n - 1) // 3))


def layout(means: Floats, seed: int) -> Floats:
    """Return the places of means (N, D) in the plane: (N, 2)."""
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


def _plane_of(codes: Codes) -> Floats:
    """Return the two most active dimensions, or a line."""
    if codes.means.shape[1] == 1:
        return np.column_stack([codes.means[:, 0], np.zeros(len(codes.means))])
    return codes.means[:, codes.most_active(2)]


def plane(points: Floats, labels: Labels, palette: Palette, title: str, detail: str) -> Figure:
    """Return a scatter plot of points (N, 2)."""
    figure = sheet(800, 700, title, detail)
    axes = figure.add_subplot()
    palette.scatter(axes, points[:, 0], points[:, 1], labels, point_size(len(points)))
    axes.set(aspect="equal", adjustable="datalim", xticks=[], yticks=[])
    palette.legend(figure, [axes])
    return figure
