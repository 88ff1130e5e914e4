"""The trials of a search, read from the disk: their runs and their values.

A trial is one point of the space, run once for each seed. Its value at a rung is read from `metrics.jsonl`, even if its
runs have more epochs by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vae_exp.objectives import build_objective, first_final_epoch
from vae_exp.registry import schema_of
from vae_exp.searching.rungs import Value
from vae_exp.searching.space import Point, Space
from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job, SweepFolder

OBJECTIVE = "val/objective"
"""The measure that decides which epoch of a run is the best."""
PAUSED = ("paused", "finished")
"""States of a run that has all epochs it was launched for; `finished` if more epochs were planned afterwards."""


@dataclass(frozen=True)
class Trial:
    """One proposed configuration."""

    number: int
    """From 1, in the order of the proposals."""
    point: Point
    jobs: tuple[Job, ...]
    """Its planned runs, one for each seed."""

    @property
    def refused(self) -> str | None:
        """Return the rule that its configuration breaks; None when it can run."""
        return self.jobs[0].refused


def trials_of(jobs: Iterable[Job], space: Space) -> list[Trial]:
    """Return the trials of these jobs in order; jobs outside the search are ignored."""
    groups: dict[int, list[Job]] = {}
    for job in jobs:
        if job.trial is not None:
            groups.setdefault(job.trial, []).append(job)
    return [Trial(number, space.point(group[0].overrides), tuple(group)) for number, group in sorted(groups.items())]


def waiting(sweep: SweepFolder, trial: Trial, epoch: int) -> list[Job]:
    """Return the runs of a trial that must continue to this rung's epoch.

    Empty when the trial was refused. A diverged run has ended; a run that failed for another reason must continue.
    """
    if trial.refused:
        return []
    folders = ((job, sweep.folder(job)) for job in trial.jobs)
    return [job for job, folder in folders if not has_reached(folder, job, epoch) and not has_diverged(folder)]


def value(sweep: SweepFolder, trial: Trial, epoch: int, measures: Sequence[str]) -> Value | None:
    """Return a trial's value at a rung, the mean over its seeds; None when it was refused or lacks the epoch."""
    folders = [(job, sweep.folder(job)) for job in trial.jobs]
    if trial.refused or not all(has_reached(folder, job, epoch) for job, folder in folders):
        return None
    runs = [measured(folder.records()[:epoch], measures, _first_final_epoch(job)) for job, folder in folders]
    return tuple(sum(run[i] for run in runs) / len(runs) for i in range(len(measures)))


def _first_final_epoch(job: Job) -> int:
    saved = job.config["objective"]
    return first_final_epoch(build_objective(schema_of("objective", saved["name"])(**saved)))


def has_reached(folder: RunFolder, job: Job, epoch: int) -> bool:
    """Return whether a run has all that a rung needs: this many epochs, or fewer if it stopped early.

    At the job's last epoch it must be finished too, with its final measures.
    """
    status = folder.read_status()
    if status is None:
        return False
    if not SweepFolder(folder.path.parent).needs_run(job):
        return True
    epochs = len(folder.records())
    has_passed = epochs > epoch or (status.state in PAUSED and max(epochs, status.until or 0) >= epoch)
    return has_passed and epoch < int(job.config["trainer"]["epochs"])


def has_diverged(folder: RunFolder) -> bool:
    """Return whether a run ended because its loss became NaN or infinite: a result, not a fault of the machine."""
    status = folder.read_status()
    return status is not None and status.state == "failed" and status.diverged


def measured(records: Sequence[Record], measures: Sequence[str], first_final: int) -> Value:
    """Return the measures at the best of these epochs.

    The best has the lowest validation objective from epoch `first_final` on. Before that epoch, and without validation
    images, it is the last epoch that has the measures.
    """
    usable = [record for record in records if all(measure in record for measure in measures)]
    final = [record for record in usable if record["epoch"] >= first_final and OBJECTIVE in record]
    best = min(final, key=lambda record: record[OBJECTIVE]) if final else usable[-1]
    return tuple(best[measure] for measure in measures)
