"""A search handed over to Slurm: all of its steps are submitted at once, and each waits for the one before it.

Before a step, only the largest number of its runs is known. So its array is submitted with empty tasks, and a small job
before it (`slurm_step`) proposes or promotes trials and fills the tasks. The first array is held until everything is
submitted: a search that was submitted only in part never starts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from vae_exp.errors import Interrupted, UserError, complain, describe
from vae_exp.machine.signals import EXIT_CODES
from vae_exp.searching.record import Record
from vae_exp.searching.search import Search, open_search
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.command import Command
from vae_exp.sweeping.handover import say_next
from vae_exp.sweeping.job import console
from vae_exp.sweeping.slurm_record import RECORD
from vae_exp.sweeping.submission import Cluster, counted
from vae_exp.terminal import say

STEP, CONCLUDES = "vae_exp.searching.slurm_step", "vae_exp.searching.slurm_conclusion"
"""The module of the small jobs, and the one that concludes the search."""


def hand_over(command: Command, record: Record, typed: list[str]) -> int:
    """Submit all remaining steps and the job that concludes the search, and print the next commands.

    Returns 0, or 1 when Slurm did not accept all of them: then none starts. `typed` is the user's command.
    """
    sweep, numbers = command.sweep, list[str]()
    _free_queue(sweep)
    search = open_search(sweep, record, typed)
    runs = search.next_runs()
    try:
        _submit(command, search, runs, numbers)
    except (UserError, OSError) as error:  # a full disk
        slurm.cancel_numbers(set(numbers))
        complain(str(error) if isinstance(error, UserError) else describe(error))
        say(console, f"No run of this search was started. Submit it with: {command.resume_command}")
        return 1
    except (KeyboardInterrupt, Interrupted) as signal:
        slurm.cancel_numbers(set(numbers))
        complain(f"stopped while the search was submitted; submit it with: {command.resume_command}")
        return EXIT_CODES[type(signal)]
    say_next(command, f"{counted(len(runs), 'run')} and the steps after them" if runs else "the conclusion")
    return 0


def _free_queue(sweep: SweepFolder) -> None:
    """Raise UserError if Slurm has jobs of this search. Cancel those that were submitted only in part."""
    queue = slurm.require_queue(sweep.path / slurm.HOME)
    if not any(job.is_held for job in queue) or any(job.state != "PENDING" for job in queue):
        slurm.refuse_queued(sweep.path)
        return
    slurm.cancel_numbers(set(slurm.arrays(queue)))
    deadline = time.monotonic() + slurm.GRACE
    while time.monotonic() < deadline and slurm.require_queue(sweep.path / slurm.HOME):
        time.sleep(slurm.PAUSE / 2)
    slurm.refuse_queued(sweep.path)


def _submit(command: Command, search: Search, runs: Sequence[Job], numbers: list[str]) -> None:
    """Submit the steps in order, adding the id of each job to `numbers`; then release the first array."""
    cluster = command.cluster
    first = list[str]()
    for number in cluster.submit_placed(cluster.place(runs), held=True):
        first.append(number)
        numbers.append(number)
    say(console, f"{counted(len(runs), 'run')} to epoch {runs[0].until}" if runs else "Nothing is left to train")
    before = list(first)
    for count, (epoch, trials) in enumerate(search.later_steps(runs[0].until or 0) if runs else (), start=1):
        before = _submit_step(cluster, count, epoch, trials * len(search.record.seeds), before, numbers)
    numbers.append(cluster.submit_conclusion(numbers, command.resume_command, CONCLUDES))
    say(console, f"job {numbers[-1]} writes table and report when all others have ended")
    if first:
        slurm.release(first)


def _submit_step(
    cluster: Cluster, count: int, epoch: int, most: int, before: Sequence[str], numbers: list[str]
) -> list[str]:
    """Submit the small job of a step and its arrays, of at most `most` runs; return the ids of the arrays."""
    placed = cluster.reserve(most)
    records = [str(each.folder / RECORD) for each in placed]
    small = cluster.submit_small(f"step_{count}", [STEP, str(cluster.sweep), str(epoch), *records], before)
    numbers.append(small)
    own = list[str]()
    for number in cluster.submit_placed(placed, [small]):
        own.append(number)
        numbers.append(number)
    say(console, f"then at most {counted(most, 'run')} to epoch {epoch}")
    return own
