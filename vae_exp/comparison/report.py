"""`comparison.csv`, and `report.html`: one page that needs no network and runs no code but its own."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp.comparison import answer, cells, charts, columns, rendering
from vae_exp.comparison.cells import Cell, Column
from vae_exp.comparison.gallery import galleries
from vae_exp.comparison.intervals import Interval
from vae_exp.comparison.run_data import run_data
from vae_exp.comparison.runs import Run, read_runs
from vae_exp.comparison.searched import Searched
from vae_exp.comparison.table import Comparison, compare
from vae_exp.config.identity import written
from vae_exp.errors import UserError, one_line, printable
from vae_exp.standing import roughly
from vae_exp.storage import files

if TYPE_CHECKING:
    import pandas as pd

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet takes for a formula."""


def write(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None = None) -> Path:
    """Write both files into a folder; return the page. Raises UserError where that can't be done.

    `searched` is what a search found, whose trials the runs are.
    """
    _write_text(folder / "comparison.csv", _csv(comparison.frame()))
    return write_page(folder, comparison, command, searched)


def write_page(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None = None) -> Path:
    """Write the page alone into a folder and return it; raise UserError where that can't be done."""
    file = folder / "report.html"
    _write_text(file, page(folder, comparison, command, searched))
    return file


def write_run(folder: Path, command: Sequence[str]) -> Path:
    """Write the page of a single run into its own folder and return it; raise UserError where that can't be done."""
    return write_page(folder, compare(read_runs([folder])), command)


def _write_text(file: Path, text: str) -> None:
    try:
        files.write_text(file, text)
    except OSError as error:
        raise UserError(f"{error.filename or file} can't be written: {one_line(error)}") from None


def _csv(frame: pd.DataFrame) -> str:
    """Return the table as CSV. A text that a spreadsheet would run as a formula gets an apostrophe, which stops it."""
    harmless = frame.map(_harmless).rename(columns=_harmless)
    return harmless.to_csv(index=False)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def page(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None = None) -> str:
    """Return the report of a comparison, or of the one run there is, that lies in this folder, made by this command."""
    drawn, pictures = charts.draw(comparison, searched), galleries(comparison)
    own = _run_page(comparison) if len(comparison.runs) == 1 else _comparison_page(comparison)
    return rendering.render(
        "run.html" if len(comparison.runs) == 1 else "comparison.html",
        [shade for chart, _ in drawn.values() for shade in chart.shades],
        sentence=answer.sentence(comparison),
        context=answer.context(comparison),
        notes=answer.notes(comparison),
        name=printable(folder.resolve().name),
        charts=drawn,
        galleries=pictures.found,
        left_out=pictures.note,
        shared=_shared(comparison),
        blocks=[rendering.block("runs-data", run_data(comparison))],
        command=printable(shlex.join(map(str, command))),
        made=time.strftime("%Y-%m-%d %H:%M"),
        place=_place(comparison.runs),
        **own,
    )


def _comparison_page(comparison: Comparison) -> dict[str, Any]:
    shown = cells.columns(comparison, columns.known(comparison))
    groups = [(name, len(list(members))) for name, members in groupby(column.group for column in shown)]
    folding = {name: f"group-{i}" for i, (name, _) in enumerate(groups)}
    return {
        "columns": shown,
        "groups": groups,
        "folding": folding,
        "foldable": (columns.LATENT, columns.SAMPLES),
        "rows": [(cells.is_starred(comparison, row), _cells(shown, row)) for row in comparison.rows],
        "runs": [_run(comparison, run) for run in comparison.runs],
        "has_seeds": comparison.has_seeds or comparison.has_repeats,
    }


def _cells(shown: Sequence[Column], row: Any) -> list[tuple[Column, Cell]]:
    return [(column, column.cell(row)) for column in shown]


def _run_page(comparison: Comparison) -> dict[str, Any]:
    (run,) = comparison.runs
    keys = columns.known(comparison)
    return {
        "measures": [(columns.describe(key), _value(comparison, run, key)) for key in keys],
        "run": _run(comparison, run),
    }


def _value(comparison: Comparison, run: Run, key: str) -> str:
    """Return a measure of a single run with its standard error, where it has one."""
    error = run.measures.get(f"{key}_se", float("nan"))
    return cells.text(Interval(float(run.measures[key]), error, 1), key, comparison.classes)


def _shared(comparison: Comparison) -> list[tuple[str, str]]:
    """Return key and value of what all runs have in common."""
    first = comparison.runs[0].config
    return [(key, printable(written(value))) for key, value in first.items() if key not in comparison.keys]


def _run(comparison: Comparison, run: Run) -> dict[str, Any]:
    """Return what the list of runs shows of one."""
    losses = {name: run.measures.get(f"{name}/loss") for name in ("val", "test")}
    return {
        "label": comparison.run_label(run),
        "state": run.state,
        "error": run.error or "",
        "epochs": int(run.records[-1]["epoch"]) if run.records else 0,
        "best_epoch": run.final.get("best_epoch", "–"),
        "time": roughly(sum(record["seconds"] for record in run.records)),
        "folder": run.name,
        **{name: "–" if value is None else f"{value:.2f}" for name, value in losses.items()},
    }


def _place(runs: Sequence[Run]) -> list[str]:
    """Return the machines, devices and versions that the runs ran with, each once."""
    found: dict[str, None] = {}
    for run in runs:
        environment = run.folder.read_environment()
        for session in environment.sessions if environment else []:
            versions = session.packages
            named = ", ".join(f"{name} {versions[name]}" for name in ("vae_exp", "torch") if versions.get(name))
            threads = f"{session.threads} thread{'' if session.threads == 1 else 's'}"
            parts = [session.cpu, session.device, threads, named]
            found[printable("; ".join(str(part) for part in parts if part))] = None
    return list(found)
