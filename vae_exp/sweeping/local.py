"""A launcher without Hydra, for scripts and notebooks: jobs one after the other, or in several processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vae_exp.data.given import given, given_data
from vae_exp.machine.signals import interruptible
from vae_exp.observers import NoProgress, Progress
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping import job


class LocalLauncher:
    """Runs jobs in this process, or several at a time in others."""

    def __init__(self, sweep: Path, processes: int, watch: job.Watch) -> None:
        """Take the sweep's folder, the number of jobs at a time, and the progress for a label."""
        self._sweep, self._processes, self._watch = sweep, processes, watch

    def launch(self, jobs: Sequence[Job]) -> None:
        """Run jobs, and wait for them; raise joblib's exception when a process was killed.

        SIGTERM and SIGHUP end this call, and not only the job that runs, as KeyboardInterrupt does.
        """
        with interruptible():
            if self._processes > 1:
                self._in_processes(jobs)
                return
            for each in jobs:
                job.run_planned(self._sweep, each.name, _place(each), each.until, self._watch)

    def _in_processes(self, jobs: Sequence[Job]) -> None:
        from joblib import Parallel, delayed

        workers = Parallel(
            self._processes, backend="loky", batch_size=1, pre_dispatch="all", return_as="generator_unordered"
        )
        run, data = delayed(_run), given_data()
        ended = workers(run(data, self._sweep, each.name, _place(each), each.until) for each in jobs)
        progress = self._watch(self._sweep.name)
        progress.start(len(jobs), 1, 0)
        try:
            for count, _state in enumerate(ended, start=1):
                progress.step()
                progress.epoch({"epoch": count})
        finally:
            progress.stop()


def _run(data: object, sweep: Path, name: str, at: int, until: int | None) -> str:
    """Run a job in another process, with the data that Python code has given."""
    with given(data):
        return job.run_planned(sweep, name, at, until, _unseen)


def _place(job: Job) -> int:
    assert job.at is not None, "a job is planned before it is launched"
    return job.at


def _unseen(_label: str) -> Progress:
    """Show nothing: several bars would draw over each other."""
    return NoProgress()
