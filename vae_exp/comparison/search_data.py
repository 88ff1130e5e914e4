"""A search in the data of the report: a column for each rung, and each trial's values when it reached its rungs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from vae_exp.comparison.cells import Cell
from vae_exp.comparison.cells import Column as Shown
from vae_exp.comparison.rows import Row
from vae_exp.comparison.run_data import Column, number
from vae_exp.comparison.searched import Searched, Tried
from vae_exp.comparison.table import Comparison

GROUP = "search"
"""The topic of the columns in the table of configurations."""


def columns(comparison: Comparison, found: Searched) -> list[Column]:
    """Return what a search knows of each run: its trial, how far that came, and its measures at each rung."""
    of_run = {name: trial for trial in found.trials for name in trial.runs}
    trials = [of_run.get(run.name) for run in comparison.runs]
    numbers = [trial.number if trial else None for trial in trials]
    rungs = [found.rungs[len(trial.values) - 1] if trial and trial.values else None for trial in trials]
    return [
        Column("search.trial", "trial", "Number of the trial.", numbers, is_key=True),
        Column("search.rung", "rung", "Epochs of the last rung that the trial was let into.", rungs, is_key=True),
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
    chosen = first[: 2 + len(found.measures)]
    return [Shown(each.name, GROUP, each.meaning, partial(_cell, comparison, each)) for each in chosen]


def _cell(comparison: Comparison, column: Column, row: Row) -> Cell:
    """Return the value of a row, whose runs are of one trial."""
    value = column.values[comparison.number(row.runs[0])]
    if value is None:
        return Cell("–", math.inf)
    return Cell(f"{value:.2f}" if isinstance(value, float) else str(value), value)


def starts(found: Searched) -> list[str]:
    """Return what the scatter begins with: the first searched key and the first measure."""
    return [found.keys[0], f"search.{found.measures[0]}"]


def search_data(comparison: Comparison, found: Searched) -> dict[str, Any]:
    """Return the trials of a search for its chart: see `SearchData` in `trials.js`."""
    numbers = {run.name: i for i, run in enumerate(comparison.runs)}
    last = max((len(trial.values) for trial in found.trials), default=0)
    points = [_point(found, trial, rung, numbers) for rung in range(last) for trial, _ in found.at(rung)]
    return {
        "measures": list(found.measures),
        "rungs": list(found.rungs),
        "ends": list(found.spent),
        "trials": len(found.trials),
        "front": list(found.front),
        "points": points,
    }


def _point(found: Searched, trial: Tried, rung: int, numbers: dict[str, int]) -> dict[str, Any]:
    values = trial.values[rung]
    assert values is not None
    return {
        "trial": trial.number,
        "runs": [numbers[name] for name in trial.runs if name in numbers],
        "rung": rung,
        "spent": trial.spent[rung],
        "values": [number(value) for value in values],
    }


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
