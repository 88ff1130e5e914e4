"""`comparison.csv`, and `report.html`: one page that needs no network and runs only its own code."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp.comparison import answer, cells, charts, columns, rendering, search_answer, search_data
from vae_exp.comparison.cells import Column
from vae_exp.comparison.charts.chart import row_shades
from vae_exp.comparison.curve_data import losses, with_others
from vae_exp.comparison.decoders import MOST_BYTES as MOST_DECODERS
from vae_exp.comparison.decoders import Decoders, decoders
from vae_exp.comparison.gallery import MOST_PICTURES, galleries
from vae_exp.comparison.intervals import Interval
from vae_exp.comparison.notes import notes
from vae_exp.comparison.rows import Row
from vae_exp.comparison.run_data import run_data
from vae_exp.comparison.runs import Run, read_runs
from vae_exp.comparison.searched import Searched
from vae_exp.comparison.table import Comparison, compare
from vae_exp.config.identity import format_value
from vae_exp.errors import UserError, one_line, printable
from vae_exp.progress_text import roughly
from vae_exp.storage import files

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 8 * 10**6
"""Bytes of a page, about: more is slow to open and awkward to send."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet would run as a formula."""


def write(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None = None) -> Path:
    """Write both files into a folder; return the path of the page. Raises UserError when that fails.

    `searched` is what a search found, whose trials the runs are.
    """
    _write_text(folder / "comparison.csv", _csv(comparison.frame()))
    return write_page(folder, comparison, command, searched)


def write_page(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None = None) -> Path:
    """Write only the page into a folder and return its path; raise UserError when that fails."""
    file = folder / "report.html"
    _write_text(file, page(folder, comparison, command, searched))
    return file


def write_run(folder: Path, command: Sequence[str]) -> Path:
    """Write the page of a single run into its folder and return its path; raise UserError when that fails."""
    return write_page(folder, compare(read_runs([folder])), command)


def _write_text(file: Path, text: str) -> None:
    try:
        files.write_text(file, text)
    except OSError as error:
        raise UserError(f"{error.filename or file} can't be written: {one_line(error)}") from None


def _csv(frame: pd.DataFrame) -> str:
    """Return the table as CSV. An apostrophe before a text stops a spreadsheet from running it as a formula."""
    harmless = frame.map(_harmless).rename(columns=_harmless)
    return harmless.to_csv(index=False)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def page(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None = None) -> str:
    """Return the report of a comparison, or of the one run there is, that lies in this folder, made by this command.

    It has the tables, the charts, and the losses of all runs; then decoders, further curves and pictures, as far as
    they fit into MOST_BYTES. Further curves have half of what decoders leave.
    """
    drawn = charts.draw(comparison, searched)
    shades = [shade for chart, _ in drawn.values() for shade in chart.shades] + row_shades(comparison)
    values = _head(folder, comparison, command, searched)
    values |= {"charts": drawn, "searched": searched}
    if len(comparison.runs) == 1:
        template, data = "run.html", run_data(comparison)
        values |= _run_page(comparison)
    else:
        template, data = "comparison.html", _data(comparison, searched)
        values |= _comparison_page(comparison, searched) | {"has_columns": len(data["columns"]) > 1}
    render = partial(rendering.render, template, shades, **values)
    curves = losses(comparison)
    blocks = [rendering.block("runs-data", data | curves.data)]
    nothing = {"galleries": [], "left_out": "", "thinned": [], "has_curves": True, "decoders": Decoders([], [])}
    left = MOST_BYTES - len(render(blocks=blocks, **nothing).encode())
    decoded = decoders(comparison, min(MOST_DECODERS, left))
    if decoded.found:
        blocks.append(rendering.block("latent-data", decoded.found))
        left -= len(blocks[-1])
    all_curves = with_others(comparison, curves, left // 2)
    blocks[0] = rendering.block("runs-data", data | all_curves.data)
    pictures = galleries(comparison, min(MOST_PICTURES, left - (all_curves.size - curves.size)))
    shown = {"galleries": pictures.found, "left_out": pictures.note, "has_curves": bool(all_curves.data["curves"])}
    return render(blocks=blocks, thinned=all_curves.notes, decoders=decoded, **shown)


def _data(comparison: Comparison, searched: Searched | None) -> dict[str, Any]:
    """Return what the page's script knows of the runs, without their curves."""
    if searched is None:
        return run_data(comparison)
    data = run_data(comparison, search_data.columns(comparison, searched), search_data.starts(searched))
    return data | {"search": search_data.search_data(comparison, searched)}


def _head(folder: Path, comparison: Comparison, command: Sequence[str], searched: Searched | None) -> dict[str, Any]:
    """Return what every page begins and ends with."""
    return {
        "sentence": search_answer.sentence(comparison, searched) if searched else answer.sentence(comparison),
        "context": answer.context(comparison),
        "notes": [*(map(printable, searched.summary) if searched else ()), *notes(comparison)],
        "name": printable(folder.resolve().name),
        "shared": _shared(comparison),
        "command": printable(shlex.join(map(str, command))),
        "made": time.strftime("%Y-%m-%d %H:%M"),
        "place": _place(comparison.runs),
    }


def _comparison_page(comparison: Comparison, searched: Searched | None) -> dict[str, Any]:
    shown = cells.columns(comparison, columns.known(comparison))
    if searched:
        at = sum(not column.group for column in shown)
        shown[at:at] = search_data.shown(comparison, searched)
    groups = [(name, len(list(members))) for name, members in groupby(column.group for column in shown)]
    folding = {name: f"group-{i}" for i, (name, _) in enumerate(groups)}
    return {
        "columns": shown,
        "groups": groups,
        "folding": folding,
        "foldable": (columns.LATENT, columns.SAMPLES),
        "rows": [_row(comparison, shown, row) for row in comparison.rows],
        "runs": [_run(comparison, run) for run in comparison.runs],
        "has_seeds": comparison.has_seeds or comparison.has_repeats,
    }


def _row(comparison: Comparison, shown: Sequence[Column], row: Row) -> dict[str, Any]:
    """Return what the table of configurations shows of one, with the numbers of its runs."""
    return {
        "is_starred": cells.is_starred(comparison, row),
        "label": comparison.label(row),
        "runs": [comparison.number(run) for run in row.runs],
        "cells": [(column, column.cell(row)) for column in shown],
    }


def _run_page(comparison: Comparison) -> dict[str, Any]:
    (run,) = comparison.runs
    keys = columns.known(comparison)
    return {
        "measures": [(columns.describe(key), _value(comparison, run, key)) for key in keys],
        "run": _run(comparison, run),
    }


def _value(comparison: Comparison, run: Run, key: str) -> str:
    """Return a measure of a single run with its standard error, if it has one."""
    error = run.measures.get(f"{key}_se", float("nan"))
    return cells.text(Interval(float(run.measures[key]), error, 1), key, comparison.classes)


def _shared(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the keys and values that all runs share."""
    first = comparison.runs[0].config
    return [(key, printable(format_value(value))) for key, value in first.items() if key not in comparison.keys]


def _run(comparison: Comparison, run: Run) -> dict[str, Any]:
    """Return the entries of a run in the list of runs."""
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
    """Return the machines, devices and versions of the runs, each once."""
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
