"""Run a sweep from its command line to its report: plan every job, launch unfinished ones, conclude."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext
from omegaconf import DictConfig

from vae_exp.errors import Interrupted, UserError, complain
from vae_exp.first_line import say_jobs
from vae_exp.machine import environment
from vae_exp.machine.signals import EXIT_CODES, interruptible
from vae_exp.progress import counted
from vae_exp.storage.kept import require_states
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping import handover, launching
from vae_exp.sweeping.command import Command
from vae_exp.sweeping.composing import Composer, combinations
from vae_exp.sweeping.job import console
from vae_exp.sweeping.known_data import require_data, with_known_data
from vae_exp.sweeping.planning import Request, cached_check, locked, plan
from vae_exp.terminal import say


def sweep(config: DictConfig, context: HydraContext, most: int | None, given: Sequence[str]) -> int:
    """Plan and run the jobs of a command line, extending an existing sweep; return the exit code.

    `config` includes Hydra's own node; at most `most` jobs are launched at a time.
    """
    return code_of(lambda: _sweep(Command(config, context, most), given))


def resume(config: DictConfig, context: HydraContext, most: int | None) -> int:
    """Run the planned and unfinished jobs of a folder; return the exit code."""
    return code_of(lambda: _resume(Command(config, context, most)))


def code_of(run: Callable[[], int]) -> int:
    """Run a command and return its exit code: 2 after printing a UserError, or that of a signal."""
    environment.remember_command()
    try:
        with interruptible():
            return run()
    except UserError as error:
        complain(str(error))
        return 2
    except (KeyboardInterrupt, Interrupted) as signal:
        complain("stopped while the jobs were planned; nothing was made or changed")
        return EXIT_CODES[type(signal)]


def _sweep(command: Command, given: Sequence[str]) -> int:
    with locked(command.sweep, partial(_planned, command, given)) as jobs:
        return _run(command, jobs, environment.command_line())


def _resume(command: Command) -> int:
    folder = command.sweep
    if not folder.plan_file.is_file():
        raise UserError(f"{folder.path} is not a sweep: it has no sweep.json")
    with folder.locked():
        known = folder.read_plan()
        if not known.jobs:
            raise UserError(f"{folder.path} has no jobs in its plan; there is nothing to finish")
        jobs = with_known_data(known.jobs, command.config.data.root)
        require_data([job for job in jobs if folder.needs_run(job)])
        _check(command, jobs)
        return _run(command, jobs, known.command)


def _planned(command: Command, given: Sequence[str], known: Sequence[Job]) -> list[Job]:
    """Compose and check every job; raise UserError, with the job's number, before anything is written."""
    loader = command.context.config_loader
    jobs, swept = combinations(OverridesParser.create(config_loader=loader), given)
    composer = Composer(loader, command.config)
    requests = [Request(job, composer.base_digest(job), partial(composer.compose, job)) for job in jobs]
    with suppress(UserError):  # raised again below, with the job's number
        say_jobs(len(jobs), "job", given, swept, composer.compose(jobs[0]).data.name, command.sweep.path)
    planned = plan(requests, swept, known, command.threads, cached_check(), partial(counted, console))
    _check(command, planned)
    _require_room(command, planned)
    return planned


def _require_room(command: Command, jobs: Sequence[Job]) -> None:
    """Print how much of the disk the jobs will take; raise UserError when less is free."""
    from vae_exp.sweeping.footprint import require_room  # imports torch

    if size := require_room(command.sweep, jobs):
        say(console, size)


def _check(command: Command, jobs: Sequence[Job]) -> None:
    """Raise UserError when the unfinished jobs can't be launched. Nothing is written."""
    if command.is_handed_over:
        handover.check(command, jobs)
        return
    command.refuse_queued()
    if command.uses_slurm:
        command.cluster.check([job for job in jobs if command.sweep.needs_run(job)])


def _run(command: Command, jobs: Sequence[Job], typed: list[str]) -> int:
    """Write the plan, run unfinished jobs, and conclude the sweep, even after a failure; return its exit code.

    A sweep that is handed over to Slurm runs and is concluded there.
    """
    if command.is_handed_over:
        return handover.hand_over(command, jobs, typed)
    launcher = command.launcher
    for job in jobs:
        if command.sweep.needs_run(job):
            require_states(command.sweep.folder(job))
    jobs = command.sweep.write_plan(jobs, typed)
    stopped = 0
    try:
        waiting = [job for job in jobs if command.sweep.needs_run(job)]
        launching.launch(launcher, command.sweep, waiting, command.most)
    except launching.CannotStart as error:
        complain(str(error))
    except (KeyboardInterrupt, Interrupted) as signal:
        stopped = EXIT_CODES[type(signal)]
        command.stop()
    from vae_exp.sweeping.conclusion import conclude  # pandas and matplotlib take a second

    code = conclude(command.sweep, jobs, typed, command.resume_command, console)
    return stopped or code
