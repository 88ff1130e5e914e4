"""`comparison.csv`, and `report.html`: one page that needs no network and runs no code but its own sorting."""

from __future__ import annotations

import base64
import hashlib
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vae_exp.comparison import answer, cells, charts
from vae_exp.comparison.charts.svg import theme, variable
from vae_exp.comparison.gallery import galleries
from vae_exp.comparison.runs import Run
from vae_exp.comparison.table import Comparison
from vae_exp.errors import UserError, one_line, printable
from vae_exp.figures.colours import Shade
from vae_exp.storage import files

if TYPE_CHECKING:
    import pandas as pd

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet takes for a formula."""


def write(folder: Path, comparison: Comparison, command: Sequence[str]) -> None:
    """Write both files into a folder; raise UserError where that can't be done."""
    try:
        files.write_text(folder / "comparison.csv", _csv(comparison.frame()))
        files.write_text(folder / "report.html", page(folder, comparison, command))
    except OSError as error:
        raise UserError(f"{error.filename or folder} can't be written: {one_line(error)}") from None


def _csv(frame: pd.DataFrame) -> str:
    """Return the table as CSV. A text that a spreadsheet would run as a formula gets an apostrophe, which stops it."""
    harmless = frame.map(_harmless).rename(columns=_harmless)
    return harmless.to_csv(index=False)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def page(folder: Path, comparison: Comparison, command: Sequence[str]) -> str:
    """Return the report of a comparison that lies in this folder, made by this command."""
    environment = Environment(
        loader=PackageLoader("vae_exp.comparison", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    header, rows = cells.table(comparison, cells.all_measures(comparison))
    script = _part(environment, "sort.js")
    drawn, shown = charts.draw(comparison), galleries(comparison)
    colours = theme([shade for chart, _ in drawn.values() for shade in chart.shades])
    return environment.get_template("report.html").render(
        name=printable(folder.resolve().name),
        sentence=answer.sentence(comparison),
        context=answer.context(comparison),
        notes=answer.notes(comparison),
        header=header,
        rows=[(row is comparison.best, line) for row, line in zip(comparison.rows, rows, strict=True)],
        charts=drawn,
        variable=variable,
        galleries=shown.pictures,
        left_out=shown.note,
        runs=[_run(comparison, run) for run in comparison.runs],
        command=printable(shlex.join(map(str, command))),
        made=time.strftime("%Y-%m-%d %H:%M"),
        place=_place(comparison.runs),
        style=_theme(colours) + _part(environment, "report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _theme(colours: Mapping[str, Shade]) -> str:
    """Return the style sheet's variables for these colours, in the light and in the dark theme."""
    light, dark = (" ".join(f"{name}: {shade[i]};" for name, shade in colours.items()) for i in (0, 1))
    return f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _part(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _run(comparison: Comparison, run: Run) -> dict[str, Any]:
    """Return what the list of runs shows of one."""
    losses = {name: run.measures.get(f"{name}/loss") for name in ("val", "test")}
    return {
        "label": comparison.run_label(run),
        "state": run.state,
        "error": run.error or "",
        "epochs": int(run.records[-1]["epoch"]) if run.records else 0,
        "best_epoch": run.final.get("best_epoch", "–"),
        "time": cells.duration(sum(record["seconds"] for record in run.records)),
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
