"""The plan of a sweep: a job for each combination of values, known ones recognised."""

from __future__ import annotations

import dataclasses
import re

from vae_exp.config import Config
from vae_exp.config.identity import as_dict, identity, identity_hash
from vae_exp.errors import UserError
from vae_exp.preparation import fill_defaults, require_final_objective
from vae_exp.storage.sweep_folder import Job


def plan(requests: list[tuple[list[str], Config]], swept: list[str], known: list[Job], threads: int) -> list[Job]:
    """Return the jobs of a sweep: those known already, with their folders, and the new ones.

    `requests` are each job's overrides and configuration, `swept` the keys that the command sweeps, `threads` each
    new job's share of the cores. Raises UserError when two requests are the same experiment, fewer epochs are asked
    for than a known job has, or a new job's epochs never reach the final weights of its objective.
    """
    jobs = {job.name: job for job in known}
    taken: set[str] = set()
    for overrides, config in requests:
        job = _match(config, known) or _new_job(overrides, config, swept, threads)
        if job.name in taken:
            raise UserError(f"two jobs of this sweep are the same experiment: {', '.join(overrides)}; drop one of them")
        taken.add(job.name)
        jobs[job.name] = job
    return list(jobs.values())


def _match(config: Config, known: list[Job]) -> Job | None:
    """Return the known job that is the same experiment, with the new epochs, device and tracking."""
    for job in known:
        complete_config = as_dict(fill_defaults(config, job.config["trainer"]["threads"]))
        if identity(complete_config) == identity(job.config):
            before, now = job.config["trainer"]["epochs"], complete_config["trainer"]["epochs"]
            if now < before:
                raise UserError(f"trainer.epochs must be at least {before}, as planned for {job.name}, got {now}")
            return dataclasses.replace(job, config=complete_config)
    return None


def _new_job(overrides: list[str], config: Config, swept: list[str], threads: int) -> Job:
    require_final_objective(config)
    config_dict = as_dict(fill_defaults(config, threads))
    label = ", ".join(_short(override) for override in overrides if override.split("=")[0].lstrip("+") in swept)
    slug = re.sub(r"[^A-Za-z0-9=._,+-]+", "-", label.replace(", ", ",")).strip("-.") or "run"
    return Job(f"{slug[:80]}_{identity_hash(config_dict)}", label or "run", overrides, config_dict)


def _short(override: str) -> str:
    """Return `latent_dim=2` for `model.latent_dim=2`."""
    key, _, value = override.lstrip("+").partition("=")
    return f"{key.split('.')[-1]}={value}"
