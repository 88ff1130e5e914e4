"""The Slurm jobs of a sweep, which outlive the process that submitted them.

What marks them is the script that submitit writes for each into the sweep's folder: numbers are used again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from vae_exp.errors import Interrupted, UserError

PAUSE = 2.0
"""Seconds between two looks at the queue."""
PATIENCE = 30.0
"""Seconds within which Slurm must answer."""
GRACE = 60.0
"""Seconds in which cancelled jobs must be gone. Slurm itself kills what SIGTERM doesn't end, by default after 30."""


@dataclass(frozen=True)
class Queued:
    """A job that waits or runs."""

    number: str
    """Its number, `12`, or in an array `12_0`."""
    state: str
    """What Slurm calls it: `PENDING`, `RUNNING` …."""
    reason: str
    """Why it waits, `None` where Slurm has not said."""


def wait(folder: Path, say: Callable[[str], None]) -> None:
    """Return when none of the jobs that were submitted from this folder is queued; say it whenever that changes."""
    said = ""
    while (jobs := _ask(folder)) is None or jobs:
        line = "Slurm does not answer" if jobs is None else summary(jobs)
        if line != said:
            say(said := line)
        time.sleep(PAUSE)


def summary(jobs: list[Queued]) -> str:
    """Return `Slurm: 1 pending (Resources), 2 running`."""
    counts = Counter(job.state.lower() + (f" ({job.reason})" if job.reason != "None" else "") for job in jobs)
    return "Slurm: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def cancel(folder: Path) -> bool:
    """Stop them all, each by one signal; say whether they are gone."""
    deadline = time.monotonic() + GRACE
    stopped: set[str] = set()
    while (jobs := _ask(folder)) is None or jobs:
        if time.monotonic() > deadline:
            return False
        numbers = set(arrays(jobs or [])) - stopped
        if numbers and _run("scancel", *sorted(numbers)) is not None:
            stopped |= numbers
        time.sleep(PAUSE / 2)
    return True


def queued(folder: Path) -> list[Queued]:
    """Return the jobs that were submitted from this folder, `.submitit` of a sweep, and wait or run."""
    return (folder.is_dir() and _ask(folder)) or []


def refuse_queued(sweep: Path, folder: Path) -> None:
    """Raise UserError when Slurm still has jobs of a sweep: a killed command leaves them there."""
    if jobs := queued(folder):
        numbers = " ".join(arrays(jobs))
        raise UserError(f"{sweep} has jobs in Slurm's queue; wait for them, or stop them with: scancel {numbers}")


def arrays(jobs: list[Queued]) -> list[str]:
    """Return the numbers to call them by: an array has one."""
    return sorted({job.number.partition("_")[0] for job in jobs})


def _ask(folder: Path) -> list[Queued] | None:
    """Return the jobs that were submitted from this folder and wait or run; None when Slurm doesn't answer."""
    answer = _run("squeue", "--noheader", "--array", "--format=%i|%T|%r|%o", f"--user={os.getuid()}")
    if answer is None:
        return None
    rows = [line.split("|", 3) for line in answer.splitlines()]
    home = folder.resolve()
    return [Queued(*row[:3]) for row in rows if len(row) == 4 and home in Path(row[3]).resolve().parents]


def _run(*command: str) -> str | None:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return None


@contextlib.contextmanager
def timely() -> Iterator[None]:
    """Raise Interrupted when Slurm says that the time of this job is nearly up; elsewhere nothing changes.

    Before that, submitit's own handler puts the job back into the queue where `max_num_timeout` allows it. What it
    raises would make the run a failed one.
    """
    name = f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"
    number = getattr(signal, name, None)
    submitits = signal.getsignal(number) if number and os.environ.get("SUBMITIT_EXECUTOR") == "slurm" else None
    if number is None or not callable(submitits):
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Slurm sends it to a job that is put back: once is enough
        try:
            submitits(number, frame)
        except (Exception, SystemExit) as error:
            raise Interrupted(name) from error

    signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, submitits)
