"""`python -m vae_exp.sweeping.slurm_conclusion SWEEP RESUME`: the last job of a sweep on Slurm."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from vae_exp.errors import UserError, complain
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping.conclusion import conclude
from vae_exp.sweeping.job import console

PATIENCE = 600.0
"""Seconds to wait for a command that submits more jobs of this sweep."""
PAUSE = 2.0


def main() -> None:
    """Write the report of the sweep and exit with its code."""
    sweep, resume = SweepFolder(Path(sys.argv[1])), sys.argv[2]
    raise SystemExit(code_of(sweep, lambda: _conclude(sweep, resume)))


def _conclude(sweep: SweepFolder, resume: str) -> int:
    plan = sweep.read_plan()
    return conclude(sweep, plan.jobs, plan.command, resume, console)


def code_of(sweep: SweepFolder, run: Callable[[], int]) -> int:
    """Run a function while the sweep is locked; return its exit code, or print a UserError and return 2."""
    try:
        with ExitStack() as stack:
            _lock(sweep, stack)
            return run()
    except UserError as error:
        complain(str(error))
        return 2


def _lock(sweep: SweepFolder, stack: ExitStack) -> None:
    """Lock the sweep, waiting until another command releases it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            stack.enter_context(sweep.locked())
            return
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
