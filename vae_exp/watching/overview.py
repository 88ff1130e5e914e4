"""The progress of a run, a sweep, or a folder of several."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vae_exp.errors import UserError
from vae_exp.machine import process
from vae_exp.storage import lock
from vae_exp.storage.paths import require_path
from vae_exp.storage.run_folder import RunFolder, is_run_folder
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.slurm_record import ended_early
from vae_exp.watching import progress, search
from vae_exp.watching.progress import Progress
from vae_exp.watching.search import Trials

ORDER = ("running", "planned", "paused", "interrupted", "failed", "finished")
"""The states, unfinished ones first."""


@dataclass(frozen=True)
class Overview:
    """A run or a sweep at the time when its files were read."""

    path: Path
    is_sweep: bool
    jobs: tuple[Progress, ...]
    queue: str | None
    """A summary of Slurm's queue, in one line; None when nothing is queued there."""
    read_at: float
    """Seconds since 1970."""
    command: int | None = None
    """The id of the process on this host that holds the folder; between two jobs only this process runs."""
    trials: Trials | None = None
    """Those of a search; None for a sweep or a run."""

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of jobs in each state."""
        found = Counter(job.state for job in self.jobs)
        return {state: found[state] for state in ORDER if found[state]}

    @property
    def best(self) -> Progress | None:
        """Return the job with the lowest validation loss so far; ties go to the earlier one."""
        measured = [job for job in self.jobs if job.best_loss is not None]
        return min(measured, key=lambda job: job.best_loss or 0.0, default=None)

    @property
    def is_over(self) -> bool:
        """Return whether nothing runs and nothing is queued."""
        return not self.queue and self.command is None and not any(job.is_running for job in self.jobs)

    @property
    def is_finished(self) -> bool:
        """Return whether nothing remains: all jobs are finished, or the last rung of a search is over."""
        if self.trials and self.is_over:
            return search.is_over(self.path)
        return self.is_over and not set(self.counts) - {"finished"}

    @property
    def seconds_left(self) -> float | None:
        """Return the expected time of the remaining epochs, with as many jobs at a time as now.

        In a search they are the epochs up to the next rung. A planned job is expected to take the mean time per epoch
        of the others. None while nothing runs, or no epoch has ended.
        """
        running = sum(job.is_running for job in self.jobs)
        known = [job.seconds for job in self.jobs if job.seconds is not None]
        if not running or not known:
            return None
        mean = sum(known) / len(known)
        open_jobs = [job for job in self.jobs if job.state in ("running", "planned")]
        left = sum((job.seconds or mean) * max(0, job.epochs - job.epoch) for job in open_jobs)
        return left / running

    def as_json(self) -> dict[str, Any]:
        """Return everything for a script; times in seconds, losses in nats per image."""
        best = self.best
        return {
            "folder": str(self.path),
            "kind": "search" if self.trials else "sweep" if self.is_sweep else "run",
            "trials": None if self.trials is None else {"planned": self.trials.planned, "asked": self.trials.asked},
            "states": self.counts,
            "queue": self.queue,
            "command": self.command,
            "best": None if best is None else {"job": best.label, "val/loss": best.best_loss, "epoch": best.best_epoch},
            "seconds_left": self.seconds_left,
            "jobs": [_as_json(job) for job in self.jobs],
        }


def _as_json(job: Progress) -> dict[str, Any]:
    return {
        "label": job.label,
        "folder": str(job.folder.path),
        "state": job.state,
        "error": job.error,
        "epoch": job.epoch,
        "epochs": job.epochs,
        "val/loss": job.val_loss,
        "best val/loss": job.best_loss,
        "seconds_left": job.seconds_left if job.is_running else None,
        "host": job.host,
        "updated": job.updated,
    }


def read(path: Path) -> list[Overview]:
    """Return the run or the sweep of a folder, or those directly inside it, by name.

    Raises UserError when there is none, or a file is damaged.
    """
    if found := _read_one(require_path(path, "the folder")):
        return [found]
    children = sorted(path.iterdir()) if path.is_dir() else []
    found_below = [overview for child in children if child.is_dir() and (overview := _read_one(child))]
    if not found_below:
        raise UserError(f"{path} holds neither runs nor sweeps; give the folder of one, or a folder of several")
    return found_below


def _read_one(path: Path) -> Overview | None:
    sweep = SweepFolder(path)
    if sweep.plan_file.is_file():
        planned = sweep.jobs()
        trials = search.read(path, planned)
        jobs = tuple(_jobs(sweep, [job for job in planned if not job.refused], trials))
        queue = slurm.queued(path / slurm.HOME)
        waiting = slurm.summary(queue) if queue else None
        return Overview(path, True, jobs, waiting, time.time(), _command(path), trials)
    if is_run_folder(path):
        folder = RunFolder(path)
        epochs = (folder.read_config() or {}).get("trainer", {}).get("epochs")
        job = progress.read(folder, path.resolve().name, epochs if type(epochs) is int else 0)
        return Overview(path, False, (job,), None, time.time(), _command(path))
    return None


def _command(path: Path) -> int | None:
    """Return the id of the process on this host that is named in a folder's lock file and is alive."""
    holder = lock.noted(path)
    is_alive = holder is not None and process.is_here(holder) and process.is_alive(holder)
    return holder.pid if holder and is_alive else None


def _jobs(sweep: SweepFolder, jobs: Sequence[Job], trials: Trials | None) -> Iterator[Progress]:
    early = ended_early(sweep, jobs)
    for job in jobs:
        found = progress.read(sweep.folder(job), job.label, job.config["trainer"]["epochs"])
        found = replace(found, epochs=trials.goal(found.epoch)) if trials else found
        yield replace(found, error=early[job.name]) if job.name in early else found
