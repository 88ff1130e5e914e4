"""The data of runs for the scripts of the report: a column for each key and measure, and each run's name and state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vae_exp.comparison.charts.axis import are_numbers, is_log, values_of
from vae_exp.comparison.charts.chart import row_shades
from vae_exp.comparison.charts.svg import variable
from vae_exp.comparison.columns import describe, known
from vae_exp.comparison.table import Comparison, best_run
from vae_exp.config.identity import format_value
from vae_exp.errors import printable

MOST_MEASURES = 60
"""Measures that a reader can choose among: an untrusted run may have any number."""
FIRST_MEASURES = ("val/loss", "test/loss", "test/kl", "active_units", "seconds")
"""Measures that are axes of the parallel coordinates at first. In a search few trials have them."""
MOST_AXES = 10
"""Axes of the parallel coordinates at first."""
LARGEST = 1e100
"""A number beyond it would be infinite in a sum or a product soon; it is left out."""
DIGITS = 7
"""Significant digits of a number in the page."""


@dataclass(frozen=True)
class Column:
    """A value for each run, in the order of the comparison's runs."""

    key: str
    name: str
    meaning: str
    values: Sequence[float | str | None]
    """None if a run has none."""
    is_key: bool = False
    """Whether it was chosen before the run, and not measured."""
    is_log: bool = False
    """Whether its numbers are spread more evenly by their logarithms."""

    @property
    def has_values(self) -> bool:
        """Return whether any run has a value that can be drawn."""
        return any(isinstance(value, str) or number(value) is not None for value in self.values)


def run_data(comparison: Comparison, more: Sequence[Column] = (), starts: Sequence[str] = ()) -> dict[str, Any]:
    """Return the runs in order, each with a unique id, and a column for each key and measure that differs.

    `starts` are the keys of the two columns that the scatter plot starts with.
    """
    best = best_run(comparison)
    columns = [column for column in (*_keys(comparison), *more, *_measures(comparison)) if column.has_values]
    return {
        "runs": _runs(comparison),
        "best": next((i for i, run in enumerate(comparison.runs) if run.folder is best), None),
        "foremost": [comparison.number(run) for run in comparison.foremost],
        "columns": [_plain(column) for column in columns],
        "starts": _starts(columns, starts),
        "axes": _axes(columns, [column.key for column in more] or FIRST_MEASURES),
        "shades": [variable(shade) for shade in row_shades(comparison)],
    }


def _starts(columns: Sequence[Column], starts: Sequence[str]) -> list[str]:
    """Return the first axes of the scatter plot: these, or KL and reconstruction, else the last two columns."""
    keys = [column.key for column in columns]
    wanted = [each for each in (starts, ["test/kl", "test/reconstruction"]) if each and set(each) <= set(keys)]
    return list(wanted[0]) if wanted else keys[-2:]


def _axes(columns: Sequence[Column], measures: Sequence[str]) -> list[str]:
    """Return the first axes of the parallel coordinates: the keys and these measures, else all columns."""
    found = [column.key for column in columns if column.is_key or column.key in measures]
    return (found if len(found) > 1 else [column.key for column in columns])[:MOST_AXES]


def _runs(comparison: Comparison) -> list[dict[str, Any]]:
    rows = {id(run): i for i, row in enumerate(comparison.rows) for run in row.runs}
    return [
        {
            "id": name,
            "label": comparison.run_label(run),
            "row": rows[id(run)],
            "state": run.state,
            "error": run.error,
            "epochs": len(run.records),
            "folder": run.name,
        }
        for name, run in zip(ids(comparison), comparison.runs, strict=True)
    ]


def ids(comparison: Comparison) -> list[str]:
    """Return the name of each run's folder, with a number behind a repeated name."""
    seen: Counter[str] = Counter()
    found = []
    for run in comparison.runs:
        seen[run.name] += 1
        found.append(run.name if seen[run.name] == 1 else f"{run.name}~{seen[run.name]}")
    return found


def _keys(comparison: Comparison) -> list[Column]:
    """Return the keys that differ, and the seed if there are several."""
    found = []
    for key in comparison.keys:
        rows = [row for row in comparison.rows if key in row.config]
        is_number = are_numbers(values_of(rows, key))
        log = is_number and is_log(values_of(rows, key))
        shown = [_shown(run.config[key], is_number) if key in run.config else None for run in comparison.runs]
        found.append(Column(key, printable(comparison.short(key)), printable(key), shown, True, log))
    if len({run.seed for run in comparison.runs}) > 1:
        found.append(Column("seed", "seed", "Seed of the run.", [run.seed for run in comparison.runs], True))
    return found


def _shown(value: Any, is_number: bool) -> Any:
    return value if is_number else printable(format_value(value))


def _measures(comparison: Comparison) -> list[Column]:
    """Return the measures of finished runs, those of the table first."""
    shown = known(comparison)
    rest = [name for name in comparison.measures if name not in shown and not name.endswith("_se")]
    found = [(key, describe(key).name, describe(key).meaning) for key in shown]
    found += [(key, printable(key), "") for key in rest]
    found = [(key, "time, s" if key == "seconds" else name, meaning) for key, name, meaning in found]
    return [
        Column(key, name, meaning, [run.measures.get(key) for run in comparison.runs])
        for key, name, meaning in found[:MOST_MEASURES]
    ]


def _plain(column: Column) -> dict[str, Any]:
    values = [value if isinstance(value, str) else number(value) for value in column.values]
    kind = {"isKey": column.is_key, "isLog": column.is_log}
    return {"key": column.key, "name": column.name, "meaning": column.meaning, "values": values} | kind


def number(value: Any, digits: int = DIGITS) -> float | None:
    """Return a number below LARGEST with this many significant digits; None for anything else."""
    if type(value) not in (int, float) or not abs(value) < LARGEST:
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
