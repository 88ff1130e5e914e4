"""A sweep on the disk: its plan, and the folder of each job."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from vae_exp.errors import UserError
from vae_exp.storage import files, lock, plan
from vae_exp.storage.paths import require_path
from vae_exp.storage.plan import Job, Plan
from vae_exp.storage.run_folder import RunFolder

__all__ = ["Job", "Plan", "SweepFolder", "is_sweep"]


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep: `sweep.json` and `jobs.jsonl`, one folder a job, and the comparison."""

    path: Path

    @property
    def plan_file(self) -> Path:
        """The header of the plan (see `storage.plan`), written before the first job starts."""
        return self.path / "sweep.json"

    def folder(self, job: Job) -> RunFolder:
        """Return the job's run folder, which need not exist yet."""
        return RunFolder(self.path / job.name)

    def needs_run(self, job: Job) -> bool:
        """Return whether a job is unfinished, or has fewer epochs than are planned now.

        A refused job never runs.
        """
        if job.refused:
            return False
        folder = self.folder(job)
        if folder.state() != "finished":
            return True
        final = folder.read_final()
        return final is None or (not final.stopped_early and final.epochs < job.config["trainer"]["epochs"])

    def job(self, name: str, at: int) -> Job:
        """Return the planned job of this name whose line begins at byte `at`, without reading the others."""
        self._refuse_link(name)
        return plan.read_job(self.plan_file, name, at)

    def jobs(self) -> list[Job]:
        """Return the planned jobs; raise UserError when the plan is missing, damaged or of another version."""
        return self.read_plan().jobs

    def read_plan(self) -> Plan:
        """Return the plan; raise UserError when it is missing, damaged or of another version."""
        if not self.plan_file.is_file():
            raise UserError(f"{self.path} is not a sweep: it has no sweep.json")
        found = plan.read(self.plan_file)
        for job in found.jobs:
            self._refuse_link(job.name)
        return found

    def write_plan(self, jobs: Sequence[Job], command: list[str]) -> list[Job]:
        """Write the jobs that are not in the plan yet; return all jobs with the positions of their lines."""
        files.make_folder(self.path)
        return plan.write(self.plan_file, jobs, command)

    def locked(self) -> AbstractContextManager[None]:
        """Lock the sweep; raise UserError when another process holds it. The lock ends with its process."""
        files.refuse_links(self.path, ".submitit", "jobs.jsonl", ".hydra")
        return lock.held(self.path)

    def _refuse_link(self, name: str) -> None:
        files.refuse_links(self.path, name)


def is_sweep(path: Path) -> bool:
    """Return whether a folder is that of a sweep; raise UserError when it can't be opened."""
    return SweepFolder(require_path(path, "the folder")).plan_file.is_file()
