"""Run jobs with a `Launcher`, and rerun those that it loses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from vae_exp.errors import UserError, describe
from vae_exp.storage.sweep_folder import Job, SweepFolder

T = TypeVar("T")

KILLED_TWICE = "its process was killed, twice (out of memory?)"


class Launcher(Protocol):
    """Starts planned jobs: in this process, in others, or on a cluster."""

    def launch(self, jobs: Sequence[Job]) -> None:
        """Run these jobs, and return when all have ended. The state of each is in its folder.

        A failed job raises nothing. An exception means that the launcher itself ended: a worker was killed, and other
        jobs may be lost, or nothing could be started.
        """


class CannotStart(Exception):
    """The launcher started none of its jobs; the message is the reason in one line."""


def launch(launcher: Launcher, sweep: SweepFolder, jobs: Sequence[Job], most: int | None = None) -> None:
    """Run jobs, at most `most` of them in each call of the launcher.

    When the launcher fails, rerun each interrupted job alone, since it may have killed the others; if its process is
    killed again, the job has failed. Then launch the jobs that never started. Raises CannotStart, from the launcher's
    exception, when not a single job was started.
    """
    for batch in batches(jobs, most):
        _launch(launcher, sweep, batch)


def batches(jobs: Sequence[T], most: int | None) -> Iterator[Sequence[T]]:
    """Split a sequence into batches of at most `most` items."""
    size = most or max(len(jobs), 1)
    for first in range(0, len(jobs), size):
        yield jobs[first : first + size]


def _launch(launcher: Launcher, sweep: SweepFolder, waiting: Sequence[Job]) -> None:
    while waiting:
        before = _statuses(sweep, waiting)
        error = _failure(launcher, waiting)
        if error is None:
            return
        started = [job for job in waiting if sweep.folder(job).read_status() != before[job.name]]
        if not started:
            raise CannotStart(_explain(error)) from error
        for job in started:
            if sweep.folder(job).state() == "interrupted":
                _rerun(launcher, sweep, job)
        names = {job.name for job in started}
        waiting = [job for job in waiting if job.name not in names]


def _rerun(launcher: Launcher, sweep: SweepFolder, job: Job) -> None:
    if _failure(launcher, [job]) and sweep.folder(job).state() == "interrupted":
        sweep.folder(job).write_status("failed", KILLED_TWICE)


def _failure(launcher: Launcher, jobs: Sequence[Job]) -> Exception | None:
    """Launch jobs; return the launcher's exception, or None."""
    try:
        launcher.launch(jobs)
    except Exception as error:  # joblib's TerminatedWorkerError, submitit's FailedJobError, what a plugin raises
        return error
    return None


def _explain(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"no job could be started: {describe(error)}"


def _statuses(sweep: SweepFolder, jobs: Sequence[Job]) -> dict[str, object]:
    return {job.name: sweep.folder(job).read_status() for job in jobs}
