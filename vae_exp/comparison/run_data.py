"""What the scripts of the report know of its runs: one block of data, which its views share."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vae_exp.comparison.table import Comparison, best_run


def run_data(comparison: Comparison) -> dict[str, Any]:
    """Return the runs in their order, each with an id that is unique in the page, and the number of the best."""
    best = best_run(comparison)
    return {
        "runs": [
            {"id": name, "label": comparison.run_label(run)}
            for name, run in zip(ids(comparison), comparison.runs, strict=True)
        ],
        "best": next((i for i, run in enumerate(comparison.runs) if run.folder is best), None),
    }


def ids(comparison: Comparison) -> list[str]:
    """Return the name of each run's folder, with a number behind it where that is not the first of this name."""
    seen: Counter[str] = Counter()
    found = []
    for run in comparison.runs:
        seen[run.name] += 1
        found.append(run.name if seen[run.name] == 1 else f"{run.name}~{seen[run.name]}")
    return found
