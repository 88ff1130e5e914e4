"""Check `data.root` of a plan that may be untrusted: the plan must have the data's digest, or the caller the folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from vae_exp.config.saved import load_config
from vae_exp.errors import UserError
from vae_exp.storage.sweep_folder import Job


def with_known_data(jobs: Sequence[Job], root: str | None) -> list[Job]:
    """Return the jobs with the caller's `data.root`, if one is given; raise UserError when one is required.

    An untrusted plan could name a folder of private pictures. Plans of version 0.1 have no digest of the data.
    """
    return [_given(job, root) if root is not None else _noted(job) for job in jobs]


def require_data(jobs: Sequence[Job]) -> None:
    """Raise UserError unless the data of these jobs is here, and is the data that they were planned for.

    A plan can't name the file of data that was given from Python.
    """
    different = {repr((job.config["data"], job.data)): job for job in jobs}
    for job in different.values():
        _require_digest(job, _digest(job))


def _noted(job: Job) -> Job:
    root = job.config.get("data", {}).get("root")
    if root is not None and job.data is None:
        raise UserError(f"{job.name} has no digest of its data, so {root} is not read; give yours: data.root=FOLDER")
    return job


def _given(job: Job, root: str) -> Job:
    saved = job.config | {"data": job.config["data"] | {"root": root}}
    moved = dataclasses.replace(job, config=saved, at=None)
    _require_digest(moved, found := _digest(moved))
    return job if saved == job.config else dataclasses.replace(moved, data=found)


def _digest(job: Job) -> str:
    from vae_exp import data  # imports torch

    return data.load(load_config(job.config, f"{job.name}: its plan").data).digest


def _require_digest(job: Job, found: str) -> None:
    if job.data not in (None, found):
        root = job.config["data"].get("root")
        raise UserError(f"data.root must hold the data that {job.name} was planned for, got other images in {root}")
