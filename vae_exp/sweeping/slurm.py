"""Call Slurm: read its queue and limits, submit and cancel jobs.

A job belongs to a sweep if its script is in the sweep's folder. Slurm reuses the numbers of jobs.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vae_exp.errors import UserError, one_line, printable
from vae_exp.terminal import shown

HOME = ".submitit"
"""Folder of scripts and logs inside a sweep's folder, as submitit's plugin names it."""
JOBS, CONCLUSION = "jobs.sh", "conclusion.sh"
"""The scripts: of an array, and of the job that concludes the sweep."""
PAUSE = 2.0
"""Seconds between two queries of the queue."""
PATIENCE = 30.0
"""Seconds within which Slurm must answer."""
PATIENCE_TO_SUBMIT = 120.0
"""Seconds within which it must accept a job. sbatch itself retries while the controller restarts."""
GRACE = 60.0
"""Seconds within which cancelled jobs must end. By default Slurm kills a job 30 seconds after SIGTERM."""


@dataclass(frozen=True)
class Queued:
    """A task of an array, or a job that concludes a sweep."""

    number: str
    """Its number, `12`, or in an array `12_0`."""
    state: str
    """Slurm's state: `PENDING`, `RUNNING` …."""
    reason: str
    """Why it waits; `None` when Slurm gives no reason."""
    script: Path
    """The submitted script."""

    @property
    def concludes(self) -> bool:
        """Return whether it writes the report when the others have ended."""
        return self.script.name == CONCLUSION

    @property
    def is_held(self) -> bool:
        """Return whether it waits for `release`."""
        return self.reason == "JobHeldUser"

    @property
    def array(self) -> str:
        """Return the number of its array."""
        return self.number.partition("_")[0]


def wait(folder: Path, say: Callable[[str], None]) -> None:
    """Wait until no job that was submitted from this folder is queued; report each change."""
    last = ""
    while (jobs := look(folder)) is None or jobs:
        line = "Slurm does not answer" if jobs is None else summary(jobs)
        if line != last:
            say(last := line)
        time.sleep(PAUSE)


def summary(jobs: list[Queued]) -> str:
    """Return `Slurm: 1 pending (Resources), 2 running`."""
    counts = Counter(job.state.lower() + (f" ({job.reason})" if job.reason != "None" else "") for job in jobs)
    return "Slurm: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def cancel(folder: Path) -> bool:
    """Cancel all jobs of a folder except the concluding one, each with one signal; return whether all have ended."""
    deadline = time.monotonic() + GRACE
    stopped: set[str] = set()
    while (jobs := look(folder)) is None or (tasks := [job for job in jobs if not job.concludes]):
        if time.monotonic() > deadline:
            return False
        numbers = set() if jobs is None else set(arrays(tasks)) - stopped
        if numbers and cancel_numbers(numbers):
            stopped |= numbers
        time.sleep(PAUSE / 2)
    return True


def cancel_numbers(numbers: set[str]) -> bool:
    """Cancel jobs; return whether Slurm accepted that."""
    return _run("scancel", *sorted(numbers)) is not None


def queued(folder: Path) -> list[Queued]:
    """Return the queued jobs that were submitted from this folder; empty when Slurm doesn't answer."""
    return (folder.is_dir() and look(folder)) or []


def require_queue(folder: Path) -> list[Queued]:
    """Return the same; raise UserError when Slurm doesn't answer, since nothing may be submitted twice."""
    found = look(folder) if folder.is_dir() else []
    if found is None:
        raise UserError("Slurm does not answer: squeue must list what is queued before anything is submitted")
    return found


def refuse_queued(sweep: Path) -> None:
    """Raise UserError when Slurm still has jobs of a sweep."""
    if queued(sweep / HOME):
        advice = f"wait for them, or stop them with: python -m vae_exp.stop {shown(sweep)}"
        raise UserError(f"{sweep} has jobs in Slurm's queue; {advice}")


def arrays(jobs: list[Queued]) -> list[str]:
    """Return the numbers of the jobs' arrays, each once."""
    return sorted({job.array for job in jobs}, key=int)


def look(folder: Path, *which: str) -> list[Queued] | None:
    """Return this user's queued jobs that were submitted from a folder; None when Slurm doesn't answer.

    `--states=all` adds jobs that ended in the last minutes, until Slurm forgets them.
    """
    answer = _run("squeue", "--noheader", "--array", "--format=%i|%T|%r|%o", f"--user={os.getuid()}", *which)
    if answer is None:
        return None
    rows = [line.split("|", 3) for line in answer.splitlines()]
    home = folder.resolve()
    found = [Queued(row[0], row[1], row[2], Path(row[3]).resolve()) for row in rows if len(row) == 4]
    return [job for job in found if home in job.script.parents]


def largest_array() -> int:
    """Return the largest number of tasks of an array."""
    answer = _run("scontrol", "show", "config") or ""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", answer, re.MULTILINE)
    if found is None:
        raise UserError("Slurm does not answer: scontrol must say how large an array may be (MaxArraySize)")
    return int(found[1])


def require_acceptable(script: str) -> None:
    """Raise UserError, with the cluster's reason, when it would refuse a script. Nothing is written."""
    _ask_sbatch(["sbatch", "--test-only"], script)


def submit(script: Path, held: bool = False) -> str:
    """Submit a script; return its number. What is `held` starts after `release`.

    Raises UserError, with the cluster's reason, when it is refused.
    """
    return _ask_sbatch(["sbatch", "--parsable", *["--hold"] * held, str(script)]).strip().partition(";")[0]


def release(numbers: Sequence[str]) -> None:
    """Let held jobs start; raise UserError when Slurm doesn't answer."""
    if _run("scontrol", "release", *numbers) is None:
        raise UserError(f"Slurm does not answer: it still holds the jobs {' '.join(numbers)}")


def put_back(number: str) -> bool:
    """Requeue a running task; return whether Slurm accepted that."""
    return _run("scontrol", "requeue", number) is not None


def _ask_sbatch(command: list[str], script: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=PATIENCE_TO_SUBMIT)
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(f"Slurm accepted no job: {one_line(error)}") from None
    if done.returncode:
        lines = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in done.stderr.splitlines()]
        words = "; ".join(dict.fromkeys(line for line in lines if line))
        raise UserError(f"Slurm accepted no job: {printable(words) or f'sbatch ended with {done.returncode}'}")
    return done.stdout


def _run(*command: str) -> str | None:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return None
