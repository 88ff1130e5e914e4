"""Stop the runs of a folder: only the caller's own processes that hold it, and Slurm jobs submitted from it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from vae_exp.machine import process
from vae_exp.storage import lock
from vae_exp.sweeping import slurm
from vae_exp.watching.overview import Overview

PATIENCE = 120.0
"""Seconds that a process has to save its state and to conclude its sweep."""
PAUSE = 0.2
"""Seconds between two checks of the lock."""


def stop(overview: Overview) -> tuple[list[str], list[str]]:
    """Stop running jobs and cancel queued ones; return a sentence for each that was stopped, and that was not."""
    stopped, left = list[str](), list[str]()
    home = overview.path / slurm.HOME
    queue = slurm.queued(home)
    if not any(job.concludes and job.state == "RUNNING" for job in queue):  # let the concluding job write the report
        _end_holder(overview.path, stopped, left)
    if tasks := [job for job in slurm.queued(home) if not job.concludes]:
        numbers = " ".join(slurm.arrays(tasks))
        gone = slurm.cancel(home)
        (stopped if gone else left).append(f"Slurm's jobs {numbers}" + ("" if gone else " are still in the queue"))
    for job in overview.jobs:
        if job.folder.path != overview.path:
            _end_holder(job.folder.path, stopped, left)
    elsewhere = {job.host for job in overview.jobs if job.is_running and not job.is_here}
    if not queue:
        left += [f"a run on {host}: stop it there" for host in sorted(filter(None, elsewhere))]
    return stopped, left


def own_holder(folder: Path) -> psutil.Process | None:
    """Return the process that holds a folder, if it is on this host and the caller's own.

    The note beside the lock may be untrusted, so the process must have the lock's file open.
    """
    noted = lock.holder(folder)
    if noted is None or not process.is_here(noted) or not process.is_alive(noted):
        return None
    try:
        found = psutil.Process(noted.pid)
        is_own = found.username() == psutil.Process().username()
        file = str((folder / lock.LOCK).resolve())
        return found if is_own and any(opened.path == file for opened in found.open_files()) else None
    except psutil.Error:
        return None


def _end_holder(folder: Path, stopped: list[str], left: list[str]) -> None:
    """Terminate the process that holds a folder, and wait until it releases the lock."""
    if (holder := own_holder(folder)) is None:
        return
    name = f"process {holder.pid} in {folder}"
    try:
        holder.terminate()
    except psutil.AccessDenied:
        left.append(f"{name} is not yours to stop")
        return
    except psutil.NoSuchProcess:
        pass
    deadline = time.monotonic() + PATIENCE
    while lock.is_held(folder):
        if time.monotonic() > deadline:
            left.append(f"{name} has not ended within {PATIENCE:.0f} s")
            return
        time.sleep(PAUSE)
    stopped.append(name)
