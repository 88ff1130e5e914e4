"""Notes on how to read the answer and the table, a sentence each."""

from __future__ import annotations

from vae_exp.comparison.answer import amount_measure
from vae_exp.comparison.table import RANKED_BY, Comparison


def notes(comparison: Comparison) -> list[str]:
    """Return what was left out, what ★, Δ and ± mean, and how rows with different objectives or seeds are compared."""
    has_best, left_out = comparison.best is not None, sum(not run.is_finished for run in comparison.runs)
    found = []
    if left_out:
        verb, runs = "is" if left_out == 1 else "are", len(comparison.runs)
        found.append(f"{left_out} of {runs} runs {verb} not finished and left out of means and ranking.")
    if has_best and len(comparison.rows) > 1:
        ranked_by, amount = comparison.ranked_by, comparison.amount
        found.append(f"★ has the lowest {ranked_by}; Δ is the {amount} of another row minus that of ★.")
    if has_best and comparison.objectives:
        found.append(_on_objectives(comparison))
    return found + _on_seeds(comparison)


def _on_objectives(comparison: Comparison) -> str:
    """Return a note on the ranking of different objectives."""
    what = f"Rows have different objectives ({', '.join(comparison.objectives)})"
    if comparison.ranked_by == RANKED_BY:
        return (
            f"{what}, and not all have val/nll_iwK with the same K: {RANKED_BY}, the plain negative ELBO, ranks"
            " them, which favours those trained on it (beta=1) by construction."
        )
    return f"{what}: the plain ELBO would favour beta=1 by construction, so {comparison.ranked_by} ranks them."


def _on_seeds(comparison: Comparison) -> list[str]:
    """Return notes on what the intervals are over."""
    found = []
    if comparison.has_seeds:
        found.append("± is half the 95 % confidence interval of the mean over seeds; Δ is paired by seed.")
    if comparison.has_repeats:
        found.append("Some configurations have several runs with one seed; the first finished one is used.")
    if len({tuple(sorted(run.seed for run in row.finished)) for row in comparison.rows if row.finished}) > 1:
        found.append("Rows have different seeds; Δ uses those that both rows have.")
    has_errors = any(f"{amount_measure(comparison)}_se" in run.measures for run in comparison.runs)
    if not comparison.has_seeds and has_errors:
        found.append("One seed: ± is the standard error over images and says nothing about other seeds.")
    return found
