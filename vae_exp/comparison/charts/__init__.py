"""The charts of the report, each from the table's rows: drawn with matplotlib, then SVG whose letters stay letters."""

from __future__ import annotations

from vae_exp.comparison.charts.chart import Chart
from vae_exp.comparison.charts.drawing import draw

__all__ = ["Chart", "draw"]
