"""`python -m vae_exp.searching.slurm_conclusion SWEEP RESUME`: the last job of a search handed over to Slurm."""

from __future__ import annotations

import sys
from pathlib import Path

from vae_exp.searching import record
from vae_exp.searching.conclusion import conclude
from vae_exp.searching.search import Search
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping.job import console
from vae_exp.sweeping.slurm_conclusion import code_of


def main() -> None:
    """Read the command line and call; nothing else."""
    sweep, resume = SweepFolder(Path(sys.argv[1])), sys.argv[2]
    raise SystemExit(code_of(sweep, lambda: _conclude(sweep, resume)))


def _conclude(sweep: SweepFolder, resume: str) -> int:
    command = sweep.read_plan().command
    return conclude(Search(sweep, record.read(sweep.path), command), command, resume, console)


if __name__ == "__main__":
    main()
