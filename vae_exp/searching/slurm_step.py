"""`python -m vae_exp.searching.slurm_step SWEEP EPOCH RECORD …`: between two arrays of a search handed over to Slurm.

It proposes or promotes, and gives the runs that go to this epoch to the arrays with these records. Where a trial before
them is missing it gives them none, so that what follows ends.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from vae_exp.searching import record
from vae_exp.searching.search import Search
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping.job import console
from vae_exp.sweeping.slurm_conclusion import code_of
from vae_exp.sweeping.slurm_record import fill
from vae_exp.terminal import say


def main() -> None:
    """Read the command line and call; nothing else."""
    sweep, epoch, records = SweepFolder(Path(sys.argv[1])), int(sys.argv[2]), list(map(Path, sys.argv[3:]))
    raise SystemExit(code_of(sweep, lambda: step(sweep, epoch, records)))


def step(sweep: SweepFolder, epoch: int, records: Sequence[Path]) -> int:
    """Assign the runs to this epoch to the arrays with these records; raise UserError if they can't start yet."""
    search = Search(sweep, record.read(sweep.path), sweep.read_plan().command)
    runs = search.runs_to(epoch)
    fill(records, runs)
    say(console, f"{len(runs)} runs continue to epoch {epoch}")
    return 0


if __name__ == "__main__":
    main()
