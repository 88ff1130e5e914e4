"""The Slurm jobs of a sweep, which outlive the process that submitted them."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

PAUSE = 2.0
"""Seconds between two looks at the queue."""


def wait(folder: Path) -> None:
    """Return when none of the jobs that submitit notes in this folder, `.submitit` of a sweep, is queued any more."""
    while _queued(folder):
        time.sleep(PAUSE)


def cancel(folder: Path) -> None:
    """Stop them all."""
    if queued := _queued(folder):
        subprocess.run(["scancel", *queued], check=False, capture_output=True)
        wait(folder)


def _queued(folder: Path) -> list[str]:
    """Return the numbers of the jobs that wait or run. An array `12` has the folders `12_0`, `12_1` …."""
    known = {path.name.partition("_")[0] for path in folder.glob("[0-9]*")}
    if not known:
        return []
    command = ["squeue", "--noheader", "--format=%F", f"--user={os.getuid()}"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # no Slurm here: submitit ran the jobs on this machine
        return []
    return sorted(known & set(done.stdout.split()))
