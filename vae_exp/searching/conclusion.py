"""Conclude a search: print the result, write the report, update MLflow."""

from __future__ import annotations

import shlex
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae_exp.comparison import cells, compare, report
from vae_exp.comparison.runs import planned_runs
from vae_exp.config.saved import load_config
from vae_exp.searching.charts import searched
from vae_exp.searching.findings import Findings
from vae_exp.searching.options import PREFIX
from vae_exp.searching.planning import shortened
from vae_exp.searching.search import Search
from vae_exp.searching.trials import Trial
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
    draw(console)
    _show_table(findings, console)
    for line in summary(findings):
        say(console, line)
    jobs = [job for trial in search.trials for job in trial.jobs if not job.refused]
    if jobs:
        _show_runs(findings, command, console)
    for line in next_commands(findings, resume):  # last, where a user who stopped the search looks for it
        say(console, line)
    return 0 if findings.is_over else 1


def _show_runs(findings: Findings, command: list[str], console: Console) -> None:
    """Write the report, and show the runs and the search in MLflow."""
    search = findings.search
    jobs = [job for trial in search.trials for job in trial.jobs if not job.refused]
    tracking = load_config(jobs[0].config, str(search.sweep.plan_file)).tracking
    runs = planned_runs(search.sweep, jobs)
    comparison = compare(runs)
    page = report.write(search.sweep.path, comparison, command, searched(findings))
    folders = [run.folder for run in runs]
    is_reached = reconcile(tracking, folders)
    set_tags(tracking, ((search.sweep.folder(job), _tags(findings, job)) for job in jobs))
    labelled = [(job.label, folder) for job, folder in zip(jobs, folders, strict=True)]
    best = search.sweep.folder(findings.ranking[0].jobs[0]) if findings.ranking else None
    said = ("\n".join(summary(findings)[2:3]), "\n".join(summary(findings)[:2]))
    if is_reached:
        outcome = Outcome(said, cells.plain(comparison), best, *axes(comparison), findings.is_over)
        show_sweep(tracking, search.sweep.path, labelled, outcome)
    show_places(page, tracking, folders, search.sweep.path, console)


def _tags(findings: Findings, job: Job) -> dict[str, str]:
    """Return the number of a run's trial, and the epoch of the last rung that it reached."""
    rungs = [rung.epoch for rung in findings.rungs if any(trial.number == job.trial for trial in rung.trials)]
    return {"trial": str(job.trial), "rung": str(rungs[-1])}


def summary(findings: Findings) -> list[str]:
    """Return the states of the trials, the epochs spent, and the best trial, a line each."""
    search = findings.search
    states = Counter(findings.state(trial) for trial in search.trials)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    rungs = ", ".join(f"{len(rung.trials)} to epoch {rung.epoch}" for rung in findings.rungs)
    share = 100 * findings.spent / max(findings.of_all, 1)
    lines = [
        f"{len(search.trials)} trials: {counts}.",
        f"Trained {rungs}: {findings.spent} epochs, {share:.0f} % of the {findings.of_all} of training all.",
    ]
    return lines + (_best(findings) if findings.is_over and findings.ranking else [])


def _best(findings: Findings) -> list[str]:
    chosen = findings.ranking[:1] if len(findings.search.record.options.measures) == 1 else findings.front
    what = "Best" if len(findings.search.record.options.measures) == 1 else "On the front"
    lines: list[str] = []
    for trial in chosen:
        lines += [f"{what}: trial {trial.number}. Train it alone, to the same weights, with:"]
        lines += [f"  {shlex.join(findings.command(trial))}"]
    return lines


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
