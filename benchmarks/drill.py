"""`python -m benchmarks.drill`: a sweep of a thousand real jobs, planned, killed, resumed, extended and concluded.

Each job builds, evaluates and saves a small network on digits and does not train it. The commands are those that a user
types, imports included; the first is killed with SIGKILL when half of its jobs have started.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.many import EMPTY, SWEEP, grid
from benchmarks.tables import table
from vae_exp.storage.sweep_folder import SweepFolder

EXTRA = 10
"""Jobs that the sweep is extended by, after it was resumed."""
PAUSE = 0.1
"""Seconds between two checks of a running sweep."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="jobs of the sweep, a multiple of ten")
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder:
        table(drill(Path(folder), options.jobs), ("command", "to its first new job, s", "to its end, s"))
        sweep = SweepFolder(Path(folder) / SWEEP)
        print(dict(Counter(sweep.folder(job).state() for job in sweep.jobs())))


def drill(folder: Path, jobs: int) -> list[tuple[str, str, str]]:
    """Return each command with the seconds from its start to its first new job, and to its end."""
    small = [*EMPTY, "model.hidden=[8]", f"hydra.sweep.dir={SWEEP}"]
    train, resume = ["train", "-m"], ["resume", str(SWEEP)]
    whole, more = grid(jobs)[:2], [grid(10)[0], f"seed=range(10,{10 + EXTRA})"]
    return [
        (f"{jobs} jobs planned; killed after half of them", *_watch(folder, [*train, *whole, *small], jobs // 2)),
        ("resumed", *_watch(folder, resume)),
        (f"extended by {EXTRA}", *_watch(folder, [*train, *more, *small])),
        ("concluded once more", *_watch(folder, resume)),
    ]


def _watch(folder: Path, arguments: Sequence[str], kill_at: int | None = None) -> tuple[str, str]:
    """Run a command to its end, or kill it when `kill_at` jobs have started; return the two times, as text."""
    before, first = _begun(folder), None
    began = time.perf_counter()
    with (folder / "printed").open("w", encoding="utf-8") as printed:
        command = [sys.executable, "-m", f"vae_exp.{arguments[0]}", *arguments[1:]]
        process = subprocess.Popen(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
        while process.poll() is None:
            time.sleep(PAUSE)
            if first is None and _begun(folder) > before:
                first = time.perf_counter() - began
            if kill_at is not None and _begun(folder) >= kill_at:
                process.kill()
                process.wait()
    seconds = time.perf_counter() - began
    if process.returncode and kill_at is None:
        raise SystemExit((folder / "printed").read_text(encoding="utf-8"))
    return "–" if first is None else f"{first:.1f}", f"{seconds:.1f}"


def _begun(folder: Path) -> int:
    sweep = folder / SWEEP
    return sum(entry.is_dir() and not entry.name.startswith(".") for entry in sweep.iterdir()) if sweep.exists() else 0


if __name__ == "__main__":
    main()
