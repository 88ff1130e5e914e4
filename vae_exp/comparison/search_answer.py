"""The answer of a search: the first sentence of its report, of the terminal's output and of MLflow's description."""

from __future__ import annotations

from vae_exp.comparison.answer import loss_text
from vae_exp.comparison.rows import Row
from vae_exp.comparison.searched import Searched, Tried
from vae_exp.comparison.table import Comparison
from vae_exp.errors import printable


def sentence(comparison: Comparison, found: Searched) -> str:
    """Return which trial has the lowest value in the last rung, or how many are on the Pareto front of two measures.

    The amount is the value that the search compares, of validation images; a trial that was trained to its end has its
    test loss beside it. One line without a full stop.
    """
    reached = [rung for rung in range(len(found.rungs)) if found.at(rung)]
    if not reached:
        return "No trial has a value yet"
    last, trials = reached[-1], f"{len(found.trials)} trials"
    if len(found.measures) > 1:
        where = f"the Pareto front of {' and '.join(found.measures)} at epoch {found.rungs[last]}"
        count = len(found.front)
        return f"{count} of {trials} {'is' if count == 1 else 'are'} on {where}"
    trial, value = min(found.at(last), key=lambda pair: pair[1][0])
    row = _row(comparison, trial)
    lowest = f"{comparison.label(row)} has the lowest {found.measures[0]} of {trials}: {value[0]:.2f} nats per image"
    loss = loss_text(comparison, row)
    return printable(f"{lowest}, {loss}" if loss else f"{lowest} at epoch {found.rungs[last]}")


def _row(comparison: Comparison, trial: Tried) -> Row:
    return next(row for row in comparison.rows if any(run.name in trial.runs for run in row.runs))
