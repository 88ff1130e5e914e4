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


def _noted(job: Job) -> Job:
    root = job.config.get("data", {}).get("root")
    if root is not None and job.data is None:
        raise UserError(f"{job.name} notes no digest of its data, so {root} is not read; give yours: data.root=FOLDER")
    return job


def _given(job: Job, root: str) -> Job:
    saved = job.config | {"data": job.config["data"] | {"root": root}}
    from vae_exp import data  # imports torch

    found = data.load(load_config(saved, f"{job.name}: its plan").data).digest
    if job.data not in (None, found):
        raise UserError(f"data.root must hold the data that {job.name} was planned for, got other images in {root}")
    return job if saved == job.config else dataclasses.replace(job, config=saved, data=found, at=None)
