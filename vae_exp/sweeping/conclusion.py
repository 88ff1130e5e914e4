"""Conclude a sweep: print the result, write the report, update MLflow. `compare` uses parts of it later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae_exp.comparison import Comparison, answer, cells, compare, report
from vae_exp.comparison.notes import notes
from vae_exp.comparison.runs import Run, planned_runs
from vae_exp.comparison.table import best_run
from vae_exp.config import TrackingConfig
from vae_exp.config.saved import load_config
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping.slurm_record import ended_early
from vae_exp.terminal import draw, safe, say, shown
from vae_exp.tracking import Outcome, reconcile, show_sweep, view_commands

WIDE = 200
"""Width of a table in a file, in characters. Nothing is cut off there."""


def conclude(sweep: SweepFolder, jobs: Sequence[Job], command: list[str], resume: str, console: Console) -> int:
    """Print every planned job with its state, compare the runs and write the report; return the exit code.

    `command` planned the jobs; `resume` is the command that finishes an unfinished sweep.
    """
    runs, early = planned_runs(sweep, jobs), ended_early(sweep, jobs)
    tracking = load_config(jobs[0].config, str(sweep.plan_file)).tracking
    draw(console)
    width = max(len(job.label) for job in jobs)
    for job, run in zip(jobs, runs, strict=True):
        say(console, _state(job, run, width, early.get(job.name)))
    is_finished = all(run.is_finished for run in runs)
    comparison = compare(runs)
    page = publish(sweep, jobs, comparison, command)  # before printing, which could fail
    show(comparison, console)
    show_places(page, tracking, [run.folder for run in runs], sweep.path, console)
    if not is_finished:  # last, where a user who stopped the sweep looks for it
        draw(console)
        say(console, f"Resume with: {resume}")
    return 0 if is_finished else 1


def publish(sweep: SweepFolder, jobs: Sequence[Job], comparison: Comparison, command: list[str]) -> Path:
    """Write the report and return its path. If the sweep is tracked, send the report and what is missing of its runs.

    Prints nothing.
    """
    tracking = load_config(jobs[0].config, str(sweep.plan_file)).tracking
    page = report.write(sweep.path, comparison, command)
    folders = [run.folder for run in comparison.runs]
    is_reached = reconcile(tracking, folders)
    labelled = [(job.label, folder) for job, folder in zip(jobs, folders, strict=True)]
    heading = (answer.sentence(comparison), answer.context(comparison))
    if is_reached:
        outcome = Outcome(heading, cells.plain(comparison), best_run(comparison), *axes(comparison))
        show_sweep(tracking, sweep.path, labelled, outcome)
    return page


def axes(comparison: Comparison) -> tuple[list[str], str]:
    """Return the swept keys that all runs have, and the measure to draw against them."""
    swept = [key for key in comparison.keys if all(key in run.config for run in comparison.runs)]
    return swept + ["seed"] * comparison.has_seeds, answer.amount_measure(comparison)


def _state(job: Job, run: Run, width: int, early: str | None) -> str:
    """Return a job's label and state, then its folder, or the reason of its failure with its log."""
    log = run.folder.log_file
    where = early or (
        f"{run.error}; see {shown(log)}" if run.error and log.exists() else run.error or shown(run.folder.path)
    )
    return f"{job.label.ljust(width)}  {run.state.ljust(11)}  {where}"


def show(comparison: Comparison, console: Console) -> None:
    """Print the answer, the table, and the notes on them.

    A terminal gets as many measures as fit, a file all measures of the brief table.
    """
    wide = console if console.is_terminal else safe(Console(file=console.file, width=WIDE))
    free = wide.options.update(max_width=100 * WIDE)
    tables = [_table(comparison, cells.BRIEF[:count]) for count in range(len(cells.BRIEF), 0, -1)]
    fitting = next((table for table in tables if wide.measure(table, options=free).maximum <= wide.width), tables[-1])
    draw(console)
    say(console, answer.sentence(comparison), wrap=True)
    say(console, answer.context(comparison), wrap=True)
    draw(console)
    draw(wide, fitting)
    draw(console)
    for note in notes(comparison):
        say(console, note, wrap=True)
    if fitting is not tables[0]:
        say(console, "The terminal is too narrow for all columns; the report has them.", wrap=True)


def _table(comparison: Comparison, measures: Sequence[str]) -> Table:
    header, rows = cells.table(comparison, measures)
    table = Table(box=None, header_style="bold", pad_edge=False, show_edge=False)
    for name in header:
        table.add_column(Text(name), justify="right", overflow="fold")
    for row, line in zip(comparison.rows, rows, strict=True):
        table.add_row(*(Text(cell.text) for cell in line), style="bold" if row is comparison.best else None)
    return table


def show_places(
    page: Path | None, tracking: TrackingConfig, folders: list[RunFolder], sweep: Path | None, console: Console
) -> None:
    """Print the path of the report, and the command and link to the runs in MLflow."""
    draw(console)
    if page is None:
        say(console, "There is no report: neither its folder nor outputs/ can be written.")
    else:
        say(console, f"Report: {shown(page)}")
    lines = view_commands(tracking, folders, sweep)
    if lines:
        say(console, "Curves in MLflow:")
    for line in lines:
        say(console, f"  {line}")
