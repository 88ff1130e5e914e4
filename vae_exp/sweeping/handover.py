"""Submit a sweep to Slurm: its unfinished jobs, and a last job that writes the report. Then the command returns."""

from __future__ import annotations

from collections.abc import Sequence

from vae_exp.errors import Interrupted, UserError, complain, describe
from vae_exp.machine.signals import EXIT_CODES
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.command import Command
from vae_exp.sweeping.job import console
from vae_exp.sweeping.slurm import Queued
from vae_exp.sweeping.slurm_record import names_of
from vae_exp.sweeping.submission import Cluster, counted
from vae_exp.terminal import say, shown


def check(command: Command, jobs: Sequence[Job]) -> None:
    """Raise UserError when there is nothing to submit, or the cluster would refuse it. Nothing is written."""
    queue = slurm.require_queue(command.sweep.path / slurm.HOME)
    waiting = missing(command.sweep, jobs, queue)
    if not waiting and any(job.concludes for job in queue):
        advice = f"see their progress with: python -m vae_exp.status {shown(command.sweep.path)}"
        raise UserError(f"{command.sweep.path} has all its unfinished jobs in Slurm's queue; {advice}")
    command.cluster.check(waiting)
    command.cluster.check_conclusion()


def missing(sweep: SweepFolder, jobs: Sequence[Job], queue: Sequence[Queued]) -> list[Job]:
    """Return the jobs that are neither finished nor queued.

    Raises UserError when a job is queued as it was planned before, with fewer epochs or another device.
    """
    names = {name for task in queue for name in names_of(task)}
    for job in jobs:
        if job.at is None and job.name in names:
            raise UserError(f"{job.name} is in Slurm's queue as it was planned before; wait for it or stop it first")
    return [job for job in jobs if job.name not in names and sweep.needs_run(job)]


def hand_over(command: Command, jobs: Sequence[Job], typed: list[str]) -> int:
    """Write the plan, submit the unfinished jobs and the concluding job, and print the next commands.

    Returns 0, or 1 when Slurm accepted only a part or nothing: `resume` submits the rest.
    """
    sweep = command.sweep
    queue = slurm.require_queue(sweep.path / slurm.HOME)
    waiting = missing(sweep, jobs, queue)
    names = {job.name for job in waiting}
    waiting = [job for job in sweep.write_plan(jobs, typed) if job.name in names]
    numbers = list[str]()
    try:
        is_whole = _submit(command, waiting, queue, numbers)
        is_whole = _submit_conclusion(command, waiting, queue, numbers) and is_whole
    except (KeyboardInterrupt, Interrupted) as signal:
        complain(f"stopped while jobs were submitted; submit the rest with: {command.resume_command}")
        return EXIT_CODES[type(signal)]
    if not is_whole:
        say(console, f"Submit the rest with: {command.resume_command}")
        return 1
    say_next(command, counted(len(waiting), "job"))
    return 0


def _submit(command: Command, waiting: Sequence[Job], queue: Sequence[Queued], numbers: list[str]) -> bool:
    """Submit jobs and collect the numbers of their arrays; print an error and return False when Slurm refuses one."""
    try:
        for number in command.cluster.submit(waiting, _first(command.cluster, waiting, queue)):
            numbers.append(number)
            say(console, f"array {number} is in Slurm's queue")
    except (UserError, OSError) as error:  # a full disk
        complain(str(error) if isinstance(error, UserError) else describe(error))
        return False
    return True


def _submit_conclusion(
    command: Command, waiting: Sequence[Job], queue: Sequence[Queued], numbers: Sequence[str]
) -> bool:
    """Submit the job that concludes after all others, and cancel the one that an earlier command submitted.

    Without running jobs there is nothing to conclude. Print an error and return False when Slurm refuses it.
    """
    arrays = [*slurm.arrays([task for task in queue if not task.concludes]), *numbers]
    if waiting and not arrays:
        return False
    try:
        number = command.cluster.submit_conclusion(arrays, command.resume_command)
    except UserError as error:
        complain(str(error))
        return False
    say(console, f"job {number} writes table and report when all others have ended")
    if earlier := {job.number for job in queue if job.concludes and job.state == "PENDING"}:
        slurm.cancel_numbers(earlier)
    return True


def _first(cluster: Cluster, waiting: Sequence[Job], queue: Sequence[Queued]) -> list[str]:
    """Return the queued arrays that must end before new ones start, so that `array_parallelism` holds."""
    tasks = [task for task in queue if not task.concludes]
    together = len(tasks) + -(-len(waiting) // cluster.jobs_per_task)
    return slurm.arrays(tasks) if together > cluster.options["array_parallelism"] else []


def say_next(command: Command, what: str) -> None:
    """Print what was handed over, and the commands that come next."""
    folder = shown(command.sweep.path)
    say(console, f"{what} submitted to Slurm; their output is in {shown(command.cluster.folder)}")
    say(console, f"  show progress:     python -m vae_exp.status {folder}")
    say(console, f"  stop them:         python -m vae_exp.stop {folder}")
    say(console, f"  resume the rest:   {command.resume_command}")
