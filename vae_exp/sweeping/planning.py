"""Plan a sweep: a job for each request, known or new."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vae_exp.config import Config
from vae_exp.config.defaults import fill_defaults
from vae_exp.config.identity import as_dict, identity, identity_hash
from vae_exp.errors import UserError
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import naming


@dataclass(frozen=True)
class Request:
    """A job that a command requests."""

    overrides: list[str]
    """Such as `model.latent_dim=2`."""
    base: str | None
    """SHA-256 of the configuration that the overrides are applied to; None when it is not known."""
    compose: Callable[[], Config]
    """Returns its configuration, or raises UserError. Called only for jobs that are not in the plan yet."""


Check = Callable[[Config], str]
"""Returns the digest of a configuration's data; raises UserError when it can't run here."""
Track = Callable[[Sequence[int], str], Iterable[int]]
"""Yields items, and shows the progress of this work."""


def plan(
    requests: Sequence[Request],
    swept: Sequence[str],
    known: Sequence[Job],
    threads: Callable[[], int],
    digest_of: Check,
    track: Track = lambda numbers, _work: numbers,
) -> list[Job]:
    """Return the jobs of a sweep: the known ones, with their folders, and the new ones.

    `swept` are the keys with several values, `threads` returns the number of threads of each new job. All
    configurations are composed before the first is checked, since checks take longer and need torch. Raises UserError,
    naming the job, when it can't run, when two requests are the same experiment, when a known job has more epochs than
    requested, and when a new job's epochs never reach the final weights of its objective.
    """
    index = _Known(known)
    found = {number: job for number, request in enumerate(requests) if (job := index.by_overrides(request))}
    new = [number for number in range(len(requests)) if number not in found]
    with _naming(requests, swept) as at:
        configs = {number: requests[at(number)].compose() for number in track(new, "composing")}
        digests = {number: digest_of(configs[at(number)]) for number in track(new, "checking")}
        for number in new:
            request = requests[at(number)]
            found[number] = _planned(request, configs[number], digests[number], swept, index, threads())
    _refuse_twins([found[number] for number in range(len(requests))], requests)
    jobs = {job.name: job for job in known}
    return list((jobs | {found[number].name: found[number] for number in range(len(requests))}).values())


@contextlib.contextmanager
def _naming(requests: Sequence[Request], swept: Sequence[str]) -> Iterator[Callable[[int], int]]:
    """Yield a function to call with the number of the current request, so that an error names that request."""
    current = 0

    def at(number: int) -> int:
        nonlocal current
        current = number
        return number

    try:
        yield at
    except UserError as error:
        given = ", ".join(requests[current].overrides)
        raise UserError(f"job {current + 1} of {len(requests)} ({given}): {error}" if swept else str(error)) from None


@contextlib.contextmanager
def locked(sweep: SweepFolder, plan: Callable[[Sequence[Job]], list[Job]]) -> Iterator[list[Job]]:
    """Lock a sweep, and yield the jobs that `plan` returns, given the known ones.

    A new sweep is planned before its folder is created, so that a refusal leaves no trace.
    """
    jobs = None if sweep.plan_file.exists() else plan([])
    with sweep.locked():
        if jobs is not None and sweep.plan_file.exists():
            raise UserError(f"{sweep.path} was started by another command meanwhile; run this one again to extend it")
        yield plan(sweep.jobs()) if jobs is None else jobs


def cached_check() -> Check:
    """Return a check that remembers its results by the keys that it reads, for many similar jobs."""
    known: dict[str, str] = {}

    def digest(config: Config) -> str:
        from vae_exp.preparation import check, keys_of_check  # imports torch, which composing does not need

        key = keys_of_check(config)
        if key not in known:
            known[key] = check(config).digest
        return known[key]

    return digest


def _refuse_twins(jobs: Sequence[Job], requests: Sequence[Request]) -> None:
    taken = set[str]()
    for job, request in zip(jobs, requests, strict=True):
        if job.name in taken:
            which = ", ".join(request.overrides)
            raise UserError(f"two jobs of this sweep are the same experiment: {which}; drop one of them")
        taken.add(job.name)


class _Known:
    """The jobs of a plan, indexed by overrides and by identity."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._given = {(job.base, *job.overrides): job for job in jobs if job.base is not None}

    def by_overrides(self, request: Request) -> Job | None:
        """Return the job with the same overrides, applied to the same configuration."""
        return self._given.get((request.base, *request.overrides)) if request.base else None

    def by_identity(self, config: Config) -> tuple[Job, dict[str, Any]] | None:
        """Return the job with the same identity, and the configuration with that job's number of threads."""
        for threads, jobs in self._identities.items():
            complete = as_dict(fill_defaults(config, threads))
            if (job := jobs.get(_key(complete))) is not None:
                return job, complete
        return None

    @cached_property
    def _identities(self) -> dict[int, dict[str, Job]]:
        """Return the jobs by number of threads, since a configuration may have none, and by identity."""
        found: dict[int, dict[str, Job]] = {}
        for job in self._jobs:
            found.setdefault(job.config["trainer"]["threads"], {}).setdefault(_key(job.config), job)
        return found


def _key(config: dict[str, Any]) -> str:
    """Return an identity as text, from the saved configuration completed with the current defaults."""
    return repr(identity(config))


def _planned(request: Request, config: Config, data: str, swept: Sequence[str], known: _Known, threads: int) -> Job:
    """Return a new job, or the known job with the same identity, updated with the new epochs, device and tracking."""
    if (found := known.by_identity(config)) is not None:
        job, complete = found
        before, now = job.config["trainer"]["epochs"], complete["trainer"]["epochs"]
        if now < before:
            raise UserError(f"trainer.epochs must be at least {before}, as planned for {job.name}, got {now}")
        new = dataclasses.replace(job, config=complete, overrides=request.overrides, base=request.base, data=data)
        return job if new == job else dataclasses.replace(new, at=None)
    from vae_exp.preparation import require_final_objective

    require_final_objective(config)
    complete = as_dict(fill_defaults(config, threads))
    label = naming.label(request.overrides, swept)
    name = naming.folder_name(label, identity_hash(complete))
    return Job(name, label or "run", request.overrides, complete, request.base, data)
