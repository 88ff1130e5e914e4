"""The jobs of each task of an array, in a JSON file next to its script, and why Slurm ended a task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from vae_exp.storage import files
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.launching import batches
from vae_exp.sweeping.slurm import Queued
from vae_exp.terminal import shown

RECORD = "tasks.json"

Place = tuple[str, int]
"""A job's name and the position of its line in the plan, in bytes."""


class Tasks(msgspec.Struct, frozen=True):
    """`tasks.json`: the jobs of each task of an array, by its index."""

    tasks: list[list[Place]]
    max_num_timeout: int
    """How often a task that runs out of time is requeued."""
    until: int | None = None
    """The epoch after which the runs pause, a search's rung; None for their last epoch."""


def fill(records: Sequence[Path], jobs: Sequence[Job]) -> None:
    """Distribute jobs evenly over the tasks of arrays that were submitted without any; `records` are their files."""
    known = [files.read_record(record, Tasks) for record in records]
    size = sum(len(each.tasks) for each in known)
    shares = list(batches([(job.name, job.at or 0) for job in jobs], -(-len(jobs) // size) or None)) if jobs else []
    for record, each in zip(records, known, strict=True):
        own, shares = shares[: len(each.tasks)], shares[len(each.tasks) :]
        tasks = [*map(list, own), *[[] for _ in range(len(each.tasks) - len(own))]]
        files.write_json(record, Tasks(tasks, each.max_num_timeout, jobs[0].until if jobs else None))


def names_of(task: Queued) -> list[str]:
    """Return the jobs of a task of a sweep; empty for the concluding job."""
    _, _, index = task.number.partition("_")
    if not index.isdigit():
        return []
    tasks = files.read_record(task.script.parent / RECORD, Tasks).tasks
    return [name for name, _ in tasks[int(index)]] if int(index) < len(tasks) else []


def ended_early(sweep: SweepFolder, jobs: Sequence[Job]) -> dict[str, str]:
    """Return, by name, why submitted jobs ended without a run folder, with their log.

    Slurm forgets a job some minutes after its end; then only its log remains.
    """
    home = sweep.path / slurm.HOME
    names = {job.name for job in jobs if sweep.folder(job).read_status() is None}
    known = slurm.look(home, "--states=all") if names and home.is_dir() else None
    if known is None:  # nothing was submitted, or Slurm doesn't answer here
        return {}
    found = dict[str, str]()
    for record in sorted(home.glob(f"*/*/{RECORD}"), key=lambda path: path.stat().st_mtime):
        states = {job.number.partition("_")[2]: job for job in known if job.script.parent == record.parent.resolve()}
        for index, task in enumerate(files.read_record(record, Tasks).tasks):
            for name in names.intersection(name for name, _ in task):
                found[name] = _reason(record.parent, index, states.get(str(index)))
    return {name: reason for name, reason in found.items() if reason}


def _reason(folder: Path, index: int, job: Queued | None) -> str:
    """Return Slurm's state of an ended task with its log; empty when it has not ended."""
    if job is not None and job.state in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED"):
        return ""
    logs = sorted(folder.glob(f"*_{index}_0_log.*"))
    if job is None and not logs:
        return "Slurm: never started"
    state = job.state.lower().replace("_", " ") if job else "ended"
    where = f"see {shown(logs[0])}" if logs else "it has no log, since it was never started"
    return f"Slurm: {state} before the run began; {where}"
