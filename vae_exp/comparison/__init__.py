"""Runs side by side: a table, its CSV file, and a page to look at."""

from __future__ import annotations

from vae_exp.comparison.runs import read_runs
from vae_exp.comparison.table import Comparison, compare

__all__ = ["Comparison", "compare", "read_runs"]
