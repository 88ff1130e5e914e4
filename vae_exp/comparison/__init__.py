"""Runs side by side: a table, its CSV file, and a page to look at."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vae_exp.comparison.runs import read_runs
from vae_exp.comparison.table import Comparison, compare

__all__ = ["Comparison", "compare", "load_sweep", "read_runs"]


def load_sweep(folder: str | Path) -> pd.DataFrame:
    """Return the comparison of a sweep's runs, one row a configuration, as `comparison.csv` holds it.

    Columns: the keys that differ, `states`, `runs` (finished ones), `best`, then the mean of each measure over the
    seeds (losses in nats per image) and, where there are several seeds, `<measure>_ci95`, half the 95 % interval.
    Raises UserError when the folder holds no sweep, or a file in it is damaged.
    """
    return compare(read_runs([Path(folder)])).frame()
