"""`kl_per_dimension.png`: how much each latent dimension is used."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from vae_exp.figures.cloud import axis_name
from vae_exp.figures.palette import TEN, legend_beside
from vae_exp.figures.sheet import sheet
from vae_exp.figures.subject import Floats, Subject
from vae_exp.measures.latent import ACTIVE

MOST_NAMES = 32
"""Dimensions that can be named below their bars."""
COLOURS = {True: TEN[0], False: "#BBBBBB"}


def draw_kl_per_dimension(subject: Subject) -> Figure:
    """Draw the mean KL of each dimension over the test images."""
    codes = subject.test_codes
    what = subject.described("test")
    return kl_per_dimension(codes.kl.mean(0), codes.activity, f"KL per dimension: {subject.title}", what)


def kl_per_dimension(kl: Floats, activity: Floats, title: str, what: str) -> Figure:
    """Return bars of the KL of each dimension (D,) in nats, the largest first, coloured by activity (D,)."""
    order = np.argsort(-kl, kind="stable")
    is_active = activity[order] > ACTIVE
    detail = f"{is_active.sum()} of {len(kl)} dimensions are active (Var(E[z|x]) > {ACTIVE:g}); "
    detail += f"{kl.sum():.2f} nats in all, {what}"
    figure = sheet(int(np.clip(300 + 40 * len(kl), 640, 1000)), 380, title, detail)
    axes = figure.add_subplot()
    width = 0.7 if len(kl) <= MOST_NAMES else 1.0
    rank = np.arange(1, len(kl) + 1)
    axes.bar(rank, kl[order], width, color=[COLOURS[bool(a)] for a in is_active], linewidth=0)
    axes.set(ylabel="KL(q(z|x) ‖ p(z)), nats", xlim=(0.4, len(kl) + 0.6))
    axes.grid(visible=False, axis="x")
    if len(kl) <= MOST_NAMES:
        axes.set_xticks(rank, [axis_name(d) for d in order])
    else:
        axes.set_xlabel("dimensions, the most used first")
    names = {True: "active", False: "inactive"}
    shown = [state for state in (True, False) if state in is_active]
    handles = [Patch(color=COLOURS[state]) for state in shown]
    legend_beside(axes, handles, [names[state] for state in shown])
    return figure
