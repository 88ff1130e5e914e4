"""The table's cells as people read them: on the terminal, in the report and in MLflow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vae_exp.comparison.intervals import Interval
from vae_exp.comparison.rows import Row
from vae_exp.comparison.table import RANKED_BY, Comparison
from vae_exp.config.identity import written
from vae_exp.storage.records import BOUNDS

BRIEF = ("val/loss", "test/loss", "test/reconstruction", "test/kl", "active_units", "seconds")
"""The measures that fit on a terminal."""
NAMES = {
    "val/loss": "val loss",
    "test/loss": "test loss",
    "test/reconstruction": "reconstruction",
    "test/kl": "KL",
    "active_units": "active units",
    "index_code_mutual_information": "index-code MI",
    "marginal_kl_to_prior": "marginal KL to prior",
    "mutual_information": "mutual information",
    "marginal_kl": "marginal KL",
    "knn_accuracy": "kNN accuracy",
    "linear_probe_accuracy": "linear probe",
    "silhouette": "silhouette",
    "sample_confidence": "sample confidence",
    "draw_confidence": "confidence in draws",
    "real_confidence": "confidence in real images",
    "sample_label_coverage": "classes in samples",
    "real_label_coverage": "classes in real images",
    "sample_class_coverage": "classes in samples (even shares)",
    "scale": "scale",
    "rmse": "RMSE",
    "seconds": "training time",
}
"""What each measure's column is called, in the order of the columns. `mutual_information`, `marginal_kl` and
`sample_class_coverage` are of version 0.1."""
NATS = ("index_code_mutual_information", "marginal_kl_to_prior", "mutual_information", "marginal_kl")
SIDES = {"at_least": "≥ ", "at_most": "≤ "}
ESTIMATES = {"nll": "NLL", "negative_log_density": "−log density", "bits_per_dim": "bits/dim", "ess": "ESS"}
"""What each estimate by importance sampling is called, without its split and K."""


@dataclass(frozen=True)
class Cell:
    """What stands in a column of one row."""

    text: str
    order: float | str
    """What the column is sorted by."""


def table(comparison: Comparison, measures: Sequence[str]) -> tuple[list[str], list[list[Cell]]]:
    """Return the header, and each row's cells: its values of the keys, its runs, its measures.

    An estimate that ranks stands before the measures.
    """
    ranking = [] if comparison.ranked_by == RANKED_BY else [comparison.ranked_by, comparison.amount]
    wanted = dict.fromkeys([*ranking, *measures])
    columns = _columns(comparison, [name for name in wanted if name in comparison.measures])
    return [name for name, _ in columns], [[cell(row) for _, cell in columns] for row in comparison.rows]


def all_measures(comparison: Comparison) -> list[str]:
    """Return the measures that the report shows: those with a name here, and the estimates by importance sampling."""
    likelihood = [name for name in comparison.measures if "_iw" in name and not name.endswith("_se")]
    at = list(NAMES).index("active_units")
    return [*list(NAMES)[:at], *likelihood, *list(NAMES)[at:]]


def plain(comparison: Comparison) -> list[list[str]]:
    """Return the brief table as text, its header first."""
    header, rows = table(comparison, BRIEF)
    return [header, *([cell.text for cell in row] for row in rows)] if rows else []


Column = tuple[str, Callable[[Row], Cell]]


def _columns(comparison: Comparison, measures: Sequence[str]) -> list[Column]:
    columns: list[Column] = [(comparison.short(key), _value(key)) for key in comparison.keys]
    columns.append(("runs" if comparison.has_seeds else "state", lambda row: _runs(comparison, row)))
    for name in measures:
        columns.append((NAMES.get(name) or _estimate_name(name), _measure(comparison, name)))
        if name == comparison.amount and comparison.best is not None and len(comparison.rows) > 1:
            columns.append(("Δ to ★", lambda row: _difference(comparison, row)))
    return columns


def _runs(comparison: Comparison, row: Row) -> Cell:
    """Return how many runs there are, or how far they are where not all are finished."""
    is_plain = comparison.has_seeds and len(row.finished) == len(row.runs)
    return Cell(str(len(row.runs)) if is_plain else row.states, len(row.finished))


def _value(key: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        value = row.config.get(key)
        return Cell(written(value), value if type(value) in (int, float) else written(value))  # type: ignore[arg-type]

    return cell


def _measure(comparison: Comparison, name: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        found = row.interval(name)
        mark = " ★" if name == comparison.ranked_by and row is comparison.best and len(comparison.rows) > 1 else ""
        if row.is_bound(name):
            bound = _text(dataclasses.replace(found, half=math.nan), name)
            return Cell(SIDES[BOUNDS[name]] + bound, found.mean)
        mean, plus_minus, half = _text(found, name).partition(" ± ")
        return Cell(mean + mark + plus_minus + half, found.mean)

    return cell


def _difference(comparison: Comparison, row: Row) -> Cell:
    found = comparison.against_best(row)
    return Cell("–", 0.0 if row is comparison.best else math.inf) if found is None else Cell(_signed(found), found.mean)


def _signed(found: Interval) -> str:
    return f"{found.mean:+.2f}" + ("" if math.isnan(found.half) else f" ± {found.half:.2f}")


def _text(found: Interval, name: str) -> str:
    """Return mean and interval: times as minutes, counts and shares with the digits that suit them."""
    if found.values == 0:
        return "–"
    if name == "seconds":
        return duration(found.mean)
    places = 2 if "/" in name or name in NATS else 3
    if found.mean.is_integer() and not found.half > 0:
        places = 0
    return f"{found.mean:.{places}f}" + ("" if math.isnan(found.half) else f" ± {found.half:.{places}f}")


def duration(seconds: float) -> str:
    """Return `41 s`, `12 min` or `3.2 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _estimate_name(name: str) -> str:
    """Return `NLL, K=100` for `test/nll_iw100`, and `val NLL, K=100` for `val/nll_iw100`."""
    split, _, estimate = name.partition("/")
    called, _, samples = estimate.rpartition("_iw")
    return f"{'val ' if split == 'val' else ''}{ESTIMATES.get(called, called)}, K={samples}"
