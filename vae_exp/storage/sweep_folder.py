"""A sweep on the disk: what is planned, in which folder each job is, and how far it got."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vae_exp.errors import UserError, short
from vae_exp.storage import files
from vae_exp.storage.run_folder import RunFolder

VERSION = 1
"""Version of the layout of `sweep.json`."""


@dataclass(frozen=True)
class Job:
    """One planned run of a sweep."""

    name: str
    """Name of its folder inside the sweep's: the swept values and eight digits that stand for the identity."""
    label: str
    """The swept values, for people: `latent_dim=2, seed=0`."""
    overrides: list[str]
    """What was given for this job: `model.latent_dim=2`."""
    config: dict[str, Any]
    """The complete configuration, plain data."""


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep: `sweep.json`, one folder a job, and the comparison."""

    path: Path

    @property
    def plan_file(self) -> Path:
        """Every job that was ever planned here, written before the first one starts."""
        return self.path / "sweep.json"

    def folder(self, job: Job) -> RunFolder:
        """Return the job's run folder, which need not exist yet."""
        return RunFolder(self.path / job.name)

    def needs_run(self, job: Job) -> bool:
        """Say whether a job has not finished, or has finished fewer epochs than are planned now."""
        folder = self.folder(job)
        if folder.state() != "finished":
            return True
        final = folder.read_final()
        return not final["stopped_early"] and final["epochs"] < job.config["trainer"]["epochs"]

    def job(self, name: str) -> Job:
        """Return the planned job whose folder has this name."""
        return next(job for job in self.jobs() if job.name == name)

    def jobs(self) -> list[Job]:
        """Return the planned jobs; raise UserError when the plan is damaged or of another version."""
        jobs = [_read_job(job, self.plan_file) for job in self.read_plan()["jobs"]]
        for job in jobs:
            if (self.path / job.name).is_symlink():
                raise UserError(f"{self.path / job.name} must be no link: what a sweep writes stays in its folder")
        return jobs

    def read_plan(self) -> dict[str, Any]:
        """Return the content of `sweep.json`."""
        if not self.plan_file.is_file():
            raise UserError(f"{self.path} is no sweep: it has no sweep.json")
        plan = files.read_json(self.plan_file, {"jobs": (list,), "command": (list,)})
        if plan.get("version") != VERSION:
            raise UserError(f"{self.plan_file} must be of version {VERSION}, got {plan.get('version')!r}")
        return plan

    def write_plan(self, jobs: list[Job], command: list[str]) -> None:
        """Write the plan: every job's complete configuration."""
        files.make_folder(self.path)
        content = {"version": VERSION, "command": command, "jobs": [dataclasses.asdict(job) for job in jobs]}
        files.write_json(self.plan_file, content)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the sweep alone; raises UserError when another process runs it. The lock dies with its process."""
        files.require_room(self.path)
        files.make_folder(self.path)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"{self.path} is being run by another process; wait for it or stop it first") from None
        try:
            yield
        finally:
            lock.release()


NAME = r"[A-Za-z0-9=_,+][A-Za-z0-9=._,+-]{0,119}"
"""What a job's folder may be called: one name, no path, not hidden and no option of a command."""
OVERRIDE = r"\+{0,2}(?!hydra\b)[A-Za-z_][\w.]*=.*"
"""What a planned job may have been given: no key of Hydra's, which could name code to run."""


def _read_job(saved: Any, file: Path) -> Job:
    """Return a job of a plan, which may come from a stranger; raise UserError unless it has what we rely on."""
    try:
        job = Job(**saved)
    except TypeError:
        raise UserError(f"{file}: a job must have a name, a label, overrides and a config") from None
    if not isinstance(job.name, str) or not re.fullmatch(NAME, job.name):
        raise UserError(f"{file}: a job's name must be that of a folder inside the sweep's, got {short(job.name)}")
    if not isinstance(job.label, str) or not job.label.isprintable():
        raise UserError(f"{file}: {job.name} must have a label of one line, got {short(job.label)}")
    for override in job.overrides if isinstance(job.overrides, list) else [job.overrides]:
        if not isinstance(override, str) or not re.fullmatch(OVERRIDE, override):
            raise UserError(f"{file}: {job.name} must have overrides like model.latent_dim=2, got {short(override)}")
    trainer = job.config.get("trainer") if isinstance(job.config, dict) else None
    for key in ("epochs", "threads"):
        if not isinstance(trainer, dict) or type(trainer.get(key)) is not int:
            raise UserError(f"{file}: {job.name} must have a config with a number as trainer.{key}")
    return job
