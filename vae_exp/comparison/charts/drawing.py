"""Draw the charts of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib

from vae_exp.comparison.charts.chart import Chart
from vae_exp.comparison.charts.costs import reconstruction_against_kl, training_time
from vae_exp.comparison.charts.curves import learning_curves, single
from vae_exp.comparison.charts.losses import heat_map, loss_by_configuration, loss_by_value
from vae_exp.comparison.charts.search import of_search
from vae_exp.comparison.charts.svg import inline
from vae_exp.comparison.searched import Searched
from vae_exp.comparison.table import Comparison
from vae_exp.figures.colours import INK, SOFT_INK
from vae_exp.figures.sheet import style

CHARTS: dict[str, Callable[[Comparison], Chart | None]] = {
    "loss_by_value": loss_by_value,
    "loss_by_configuration": loss_by_configuration,
    "heat_map": heat_map,
    "learning_curves": learning_curves,
    "loss": single("loss"),
    "reconstruction": single("reconstruction"),
    "kl": single("kl"),
    "reconstruction_against_kl": reconstruction_against_kl,
    "training_time": training_time,
}
LOOK: Any = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK.light,
    "axes.labelcolor": INK.light,
    "xtick.labelcolor": SOFT_INK.light,
    "ytick.labelcolor": SOFT_INK.light,
    "axes.labelsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "vae_exp",
}


def draw(comparison: Comparison, searched: Searched | None = None) -> dict[str, tuple[Chart, str]]:
    """Return the charts by name, each with its SVG; empty charts are left out.

    Those of a search come first.
    """
    with style(), matplotlib.rc_context(LOOK):
        found = of_search(searched) if searched else {}
        found |= {name: drawn for name, chart in CHARTS.items() if (drawn := chart(comparison)) is not None}
        return {name: (chart, inline(chart, name)) for name, chart in found.items()}
