"""Conclude a search: print the result, write the report, update MLflow."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae_exp.comparison import Comparison, answer, cells, compare, report, search_answer
from vae_exp.comparison.runs import planned_runs
from vae_exp.comparison.table import RANKED_BY
from vae_exp.config.saved import load_config
from vae_exp.searching.charts import searched
from vae_exp.searching.findings import Findings
from vae_exp.searching.options import PREFIX
from vae_exp.searching.planning import shortened
from vae_exp.searching.search import Search
from vae_exp.searching.trials import Trial
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping.conclusion import axes, show_places
from vae_exp.sweeping.slurm_record import ended_early
from vae_exp.terminal import draw, say, shown
from vae_exp.tracking import Outcome, reconcile, set_tags, show_sweep

MOST_ROWS = 20
"""Number of trials that the terminal shows; the report has all."""


def conclude(search: Search, command: list[str], resume: str, console: Console) -> int:
    """Print the result of a search, write the report and update MLflow; return the exit code.

    `command` planned the last trials; `resume` is the command that resumes the search.
    """
    findings = Findings(search)
    jobs = [job for trial in search.trials for job in trial.jobs if not job.refused]
    comparison = compare(planned_runs(search.sweep, jobs))
    draw(console)
    if jobs:
        for line in _answer(findings, comparison):
            say(console, line, wrap=True)
        draw(console)
    _show_table(findings, console)
    for line in findings.summary:
        say(console, line, wrap=not line.startswith(" "))  # a command is indented
    if jobs:
        _publish(findings, comparison, command, console)
    for line in next_commands(findings, resume):  # last, where a user who stopped the search looks for it
        say(console, line)
    return 0 if findings.is_over else 1


def _answer(findings: Findings, comparison: Comparison) -> tuple[str, str]:
    """Return the sentence with the result of the search, and what all runs share."""
    return search_answer.sentence(comparison, searched(findings)), answer.context(comparison)


def _publish(findings: Findings, comparison: Comparison, command: list[str], console: Console) -> None:
    """Write the report, and show the runs and the search in MLflow."""
    search = findings.search
    jobs = [job for trial in search.trials for job in trial.jobs if not job.refused]
    tracking = load_config(jobs[0].config, str(search.sweep.plan_file)).tracking
    page = report.write(search.sweep.path, comparison, command, searched(findings))
    folders = [run.folder for run in comparison.runs]
    is_reached = reconcile(tracking, folders)
    set_tags(tracking, ((search.sweep.folder(job), _tags(findings, job)) for job in jobs))
    labelled = [(job.label, folder) for job, folder in zip(jobs, folders, strict=True)]
    if is_reached:
        sentence, shared = _answer(findings, comparison)
        heading = (sentence, " ".join([f"{shared}.", *findings.summary[:2]]))
        outcome = Outcome(heading, cells.plain(comparison), _best(findings), *axes(comparison), findings.is_over)
        show_sweep(tracking, search.sweep.path, labelled, outcome)
    show_places(page, tracking, folders, search.sweep.path, console)


def _best(findings: Findings) -> RunFolder | None:
    """Return the folder of the first run of the best trial; None if no trial has the lowest validation loss."""
    is_loss = list(findings.search.record.options.measures) == [RANKED_BY]
    return findings.search.sweep.folder(findings.ranking[0].jobs[0]) if is_loss and findings.ranking else None


def _tags(findings: Findings, job: Job) -> dict[str, str]:
    """Return the number of a run's trial, and the epoch of the last rung that it reached."""
    rungs = [rung.epoch for rung in findings.rungs if any(trial.number == job.trial for trial in rung.trials)]
    return {"trial": str(job.trial), "rung": str(rungs[-1])}


def next_commands(findings: Findings, resume: str) -> list[str]:
    """Return the commands that finish the search, or leave out the trials that block it; no lines when it is over."""
    if findings.is_over:
        return []
    blocking, runs = findings.blocking, [job for trial in findings.rungs[-1].trials for job in trial.jobs]
    early = ended_early(findings.search.sweep, runs)
    lines = [f"{job.label}: {early[job.name]}" for job in runs if job.name in early]
    lines += [_failed(findings, trial) for trial in blocking]
    lines.append(f"Resume with: {resume}")
    if blocking:
        numbers = sorted({*findings.search.record.options.leave_out, *(trial.number for trial in blocking)})
        left_out = ",".join(map(str, numbers))
        lines.append(f"Or count what failed as diverged: {resume} {shlex.quote(f'{PREFIX}leave_out=[{left_out}]')}")
    return lines


def _failed(findings: Findings, trial: Trial) -> str:
    folders = [findings.search.sweep.folder(job) for job in trial.jobs]
    folder = next(folder for folder in folders if folder.state() == "failed")
    status = folder.read_status()
    return f"Trial {trial.number} failed: {status.error if status else None}; see {shown(folder.log_file)}"


def _show_table(findings: Findings, console: Console) -> None:
    """Print the trials of the last rung that has values, the best first."""
    last, record = findings.last, findings.search.record
    table = Table(box=None, header_style="bold", pad_edge=False, show_edge=False)
    short = [key.rpartition(".")[2] for key in record.space.keys]
    keys = [key if short.count(name) > 1 else name for key, name in zip(record.space.keys, short, strict=True)]
    for name in ["trial", *keys, *record.options.measures, "state"]:
        table.add_column(Text(name), justify="right", overflow="fold")
    for place, trial in enumerate(findings.ranking[:MOST_ROWS]):
        values = [shortened(each, trial.point[each.key]) for each in record.space.dimensions]
        measured = [f"{number:.2f}" for number in last.values[trial.number] or ()]
        star = " ★" if place == 0 and len(measured) == 1 else ""
        row = [str(trial.number), *values, *measured[:-1], measured[-1] + star, findings.state(trial)]
        table.add_row(*map(Text, row), style="bold" if star else None)
    say(console, f"Trials at epoch {last.epoch}, the best first; values in nats")
    draw(console)
    draw(console, table)
    draw(console)
