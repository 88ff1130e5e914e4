"""`kl_per_dimension.png`: the KL of each latent dimension."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Patch

from vae_exp.figures.cloud import axis_name
from vae_exp.figures.colours import BARS
from vae_exp.figures.heading import Heading
from vae_exp.figures.palette import legend_beside
from vae_exp.figures.sheet import Sheet, sheet
from vae_exp.figures.subject import Floats, Subject
from vae_exp.measures.latent import ACTIVE

MOST_NAMES = 32
"""Largest number of bars that are labelled."""
LOWEST_TOP = 0.1
"""Smallest range of the axis in nats, so that tiny bars look tiny."""
COLOURS = {True: BARS.light, False: "#BBBBBB"}


def draw_kl_per_dimension(subject: Subject) -> Sheet:
    """Draw the mean KL of each dimension over the test images."""
    codes = subject.test_codes
    kl, activity = codes.kl.mean(0), codes.activity
    detail = f"{(activity > ACTIVE).sum()} of {len(kl)} dimensions are active (Var(E[z|x]) > {ACTIVE:g}); "
    detail += f"{kl.sum():.2f} nats in all, {subject.described('test')}"
    return kl_per_dimension(kl, activity, subject.heading("KL per dimension", detail))


def kl_per_dimension(kl: Floats, activity: Floats, heading: Heading) -> Sheet:
    """Return a bar chart of the KL of each dimension (D,) in nats, the largest first, coloured by activity (D,)."""
    order = np.argsort(-kl, kind="stable")
    is_active = activity[order] > ACTIVE
    figure = sheet(float(np.clip(2.5 + len(kl) / 3, 5.3, 8.3)), 3.2, heading)
    axes = figure.add_subplot()
    width = 0.7 if len(kl) <= MOST_NAMES else 1.0
    rank = np.arange(1, len(kl) + 1)
    axes.bar(rank, kl[order], width, color=[COLOURS[bool(a)] for a in is_active], linewidth=0)
    axes.set(ylabel="KL(q(z|x) ‖ p(z)), nats", xlim=(0.4, len(kl) + 0.6))
    axes.set_ylim(0, max(LOWEST_TOP, float(kl.max()) * 1.05))
    axes.grid(visible=False, axis="x")
    if len(kl) <= MOST_NAMES:
        axes.set_xticks(rank, [axis_name(d) for d in order])
    else:
        axes.set_xlabel("dimensions, the most used first")
    names = {True: "active", False: "inactive"}
    shown = [state for state in (True, False) if state in is_active]
    legend_beside(axes, [Patch(color=COLOURS[state]) for state in shown], [names[state] for state in shown])
    return figure
