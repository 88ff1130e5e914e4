"""The cells of the table as text: on the terminal, in the report and in MLflow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vae_exp.comparison.columns import COVERAGES, NATS, describe
from vae_exp.comparison.intervals import Interval
from vae_exp.comparison.rows import Row
from vae_exp.comparison.table import RANKED_BY, Comparison
from vae_exp.progress_text import roughly
from vae_exp.storage.records import BOUNDS

BRIEF = ("val/loss", "test/loss", "test/reconstruction", "test/kl", "active_units", "seconds")
"""The measures that fit on a terminal."""
RUNS = "Number of runs, one for each seed, or their states if not all are finished."
STATE = "Planned, running, paused, finished, failed or interrupted; only finished runs are compared."
"""Meanings of the columns of the runs."""
SIDES = {"at_least": "≥ ", "at_most": "≤ "}


@dataclass(frozen=True)
class Cell:
    """The content of one cell."""

    text: str
    order: float | str
    """The value to sort the column by."""


@dataclass(frozen=True)
class Column:
    """A column of the table."""

    name: str
    group: str
    """The topic of its measure; empty for swept keys and states."""
    meaning: str
    cell: Callable[[Row], Cell]


def table(comparison: Comparison, measures: Sequence[str]) -> tuple[list[str], list[list[Cell]]]:
    """Return the header, and each row's cells: values of the keys, runs, measures."""
    found = columns(comparison, measures)
    return [column.name for column in found], [[column.cell(row) for column in found] for row in comparison.rows]


def plain(comparison: Comparison) -> list[list[str]]:
    """Return the brief table as text, its header first."""
    header, rows = table(comparison, BRIEF)
    return [header, *([cell.text for cell in row] for row in rows)] if rows else []


def columns(comparison: Comparison, measures: Sequence[str]) -> list[Column]:
    """Return the columns of the swept keys, of the runs, and of those measures that a run has.

    An estimate that ranks the rows comes before the other measures.
    """
    ranking = [] if comparison.ranked_by == RANKED_BY else [comparison.ranked_by, comparison.amount]
    found = [Column(comparison.short(key), "", f"The key {key}.", _value(comparison, key)) for key in comparison.keys]
    name, meaning = ("runs", RUNS) if comparison.has_seeds else ("state", STATE)
    found.append(Column(name, "", meaning, lambda row: _runs(comparison, row)))
    for name in (name for name in dict.fromkeys([*ranking, *measures]) if name in comparison.measures):
        found.append(Column(*describe(name), _measure(comparison, name)))
        if name == comparison.amount and comparison.best is not None and len(comparison.rows) > 1:
            meaning = "Test loss minus that of the row with ★; paired by seed if there are several."
            found.append(Column("Δ to ★", found[-1].group, meaning, lambda row: _difference(comparison, row)))
    return found


def is_starred(comparison: Comparison, row: Row) -> bool:
    """Return whether a row has the star: of several rows, it is the best by validation."""
    return row is comparison.best and len(comparison.rows) > 1


def _runs(comparison: Comparison, row: Row) -> Cell:
    """Return the number of runs, or their states when not all are finished."""
    is_plain = comparison.has_seeds and len(row.finished) == len(row.runs)
    return Cell(str(len(row.runs)) if is_plain else row.states, len(row.finished))


def _value(comparison: Comparison, key: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        value, text = row.value(key), comparison.text(key, row)
        star = "★ " if key == comparison.keys[0] and is_starred(comparison, row) else ""
        return Cell(star + text, value if type(value) in (int, float) else text)

    return cell


def _measure(comparison: Comparison, name: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        found = row.interval(name)
        if row.is_bound(name):
            found = dataclasses.replace(found, half=math.nan)
            return Cell(SIDES[BOUNDS[name]] + text(found, name), found.mean)
        return Cell(text(found, name, comparison.classes), found.mean)

    return cell


def _difference(comparison: Comparison, row: Row) -> Cell:
    found = comparison.against_best(row)
    return Cell("–", 0.0 if row is comparison.best else math.inf) if found is None else Cell(_signed(found), found.mean)


def _signed(found: Interval) -> str:
    return minus(f"{found.mean:+z.2f}") + ("" if math.isnan(found.half) else f" ± {found.half:.2f}")


def text(found: Interval, name: str, classes: int | None = None) -> str:
    """Return mean and interval as text: times in minutes, counts and shares with suitable digits.

    `classes` is the number of classes of the data, if known: a share of them becomes `9 of 10`.
    """
    if found.values == 0:
        return "–"
    if name == "seconds":
        return roughly(found.mean)
    if name in COVERAGES and classes:
        return f"{found.mean * classes:.{0 if found.values == 1 else 1}f}".removesuffix(".0") + f" of {classes}"
    places = 2 if "/" in name or name in NATS else 3
    if found.mean.is_integer() and not found.half > 0:
        places = 0
    return minus(f"{found.mean:z.{places}f}") + ("" if math.isnan(found.half) else f" ± {found.half:.{places}f}")


def minus(number: str) -> str:
    """Return a number with a minus sign that is as wide as a plus."""
    return number.replace("-", "−")
