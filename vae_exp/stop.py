"""`python -m vae_exp.stop FOLDER`: stop the runs of a folder, on this machine or on Slurm."""

from __future__ import annotations

import argparse
from pathlib import Path

from vae_exp.errors import UserError, complain
from vae_exp.printing import print_line
from vae_exp.watching import overview
from vae_exp.watching.stopping import stop as stop_one


def main() -> None:
    """Parse the command line and stop."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.stop", description=stop.__doc__)
    parser.add_argument("folder", type=Path, help="folder of a run or of a sweep, or a folder of several")
    arguments = parser.parse_args()
    try:
        code = stop(arguments.folder)
    except UserError as error:
        complain(str(error))
        code = 2
    raise SystemExit(code)


def stop(folder: Path) -> int:
    """Stop running jobs and cancel queued ones; planned jobs stay planned, for `resume`.

    Exit codes: 0 all stopped, 1 something could not be stopped, 2 refused: nothing runs that can be stopped from here.
    """
    stopped, left = list[str](), list[str]()
    for found in overview.read(folder):
        done, remaining = stop_one(found)
        stopped, left = stopped + done, left + remaining
    for line in stopped:
        print_line(f"stopped {line}")
    if not stopped:
        raise UserError(f"{folder}: " + ("; ".join(left) if left else "nothing runs and nothing is queued"))
    for line in left:
        complain(line)
    return 1 if left else 0


if __name__ == "__main__":
    main()
