"""A search as columns of the report: its rungs, what each trial had at them, and what had been spent by then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from vae_exp.comparison.cells import Cell
from vae_exp.comparison.cells import Column as Shown
from vae_exp.comparison.rows import Row
from vae_exp.comparison.run_data import Column
from vae_exp.comparison.searched import Searched, Tried
from vae_exp.comparison.table import Comparison

SPENT = "search.spent"
GROUP = "search"
"""The topic of the columns in the table of configurations."""


def columns(comparison: Comparison, found: Searched) -> list[Column]:
    """Return what a search knows of each run: its trial, how far that came, and its measures at each rung."""
    of_run = {name: trial for trial in found.trials for name in trial.runs}
    trials = [of_run.get(run.name) for run in comparison.runs]
    spent = _spent(found)
    numbers = [trial.number if trial else None for trial in trials]
    rungs = [found.rungs[len(trial.values) - 1] if trial and trial.values else None for trial in trials]
    by_then = [spent.get(trial.number) if trial else None for trial in trials]
    return [
        Column("search.trial", "trial", "Number of the trial.", numbers, is_key=True),
        Column("search.rung", "rung", "Epochs of the last rung that the trial was let into.", rungs, is_key=True),
        Column(SPENT, "epochs spent", "By all trials, when this one had the last of its values.", by_then),
        *(_last(found, measure, trials) for measure in range(len(found.measures))),
        *(
            _at(found, measure, rung, trials)
            for measure in range(len(found.measures))
            for rung in range(len(found.rungs))
        ),
    ]


def shown(comparison: Comparison, found: Searched) -> list[Shown]:
    """Return the columns of a search in the table of configurations: trial, last rung, and its measures there."""
    first = columns(comparison, found)
    chosen = [first[0], first[1], *first[3 : 3 + len(found.measures)]]
    return [Shown(each.name, GROUP, each.meaning, partial(_cell, comparison, each)) for each in chosen]


def _cell(comparison: Comparison, column: Column, row: Row) -> Cell:
    """Return the value of a row, whose runs are of one trial."""
    value = column.values[comparison.number(row.runs[0])]
    if value is None:
        return Cell("–", math.inf)
    return Cell(f"{value:.2f}" if isinstance(value, float) else str(value), value)


def starts(found: Searched) -> list[str]:
    """Return what the scatter begins with: two measures and their front, or the course of the search."""
    first, *others = (f"search.{measure}" for measure in found.measures)
    return [first, others[0]] if others else [SPENT, first]


def _spent(found: Searched) -> dict[int, int]:
    """Return the epochs that all trials had spent when each had the last of its values, by the trial's number."""
    spent, before, by_trial = 0, 0, dict[int, int]()
    for rung, epoch in enumerate(found.rungs):
        for trial in (trial for trial in found.trials if len(trial.values) > rung):
            spent += (epoch - before) * len(trial.runs)
            if trial.values[rung] is not None:
                by_trial[trial.number] = spent
        before = epoch
    return by_trial


def _last(found: Searched, measure: int, trials: Sequence[Tried | None]) -> Column:
    name = found.measures[measure]
    reached = [[value for value in trial.values if value is not None] if trial else [] for trial in trials]
    values = [each[-1][measure] if each else None for each in reached]
    meaning = f"{name} of the trial at the last rung where it has one; a mean over its seeds."
    return Column(f"search.{name}", f"{name}, last rung", meaning, values)


def _at(found: Searched, measure: int, rung: int, trials: Sequence[Tried | None]) -> Column:
    name, epoch = found.measures[measure], found.rungs[rung]
    reached = [trial.values[rung] if trial and len(trial.values) > rung else None for trial in trials]
    values = [value[measure] if value else None for value in reached]
    return Column(f"search.{name}.{epoch}", f"{name}, epoch {epoch}", f"{name} of the trial at epoch {epoch}.", values)
