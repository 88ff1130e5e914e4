"""`python -m vae_exp.compare FOLDER ...`: compare runs and sweeps side by side, wherever they came from."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from vae_exp import comparison, compose
from vae_exp.comparison import report
from vae_exp.comparison.runs import is_sweep
from vae_exp.errors import UserError, complain
from vae_exp.machine import environment
from vae_exp.storage.files import make_folder
from vae_exp.sweeping import conclusion
from vae_exp.tracking import reconcile


def main() -> None:
    """Read the command line and call; nothing else."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.compare", description=compare.__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folder of a run or of a sweep")
    try:
        compare(parser.parse_args().folders, Console())
    except UserError as error:
        complain(str(error))
        raise SystemExit(2) from None


def compare(folders: list[Path], console: Console) -> None:
    """Print the table of these runs; write comparison.csv and report.html.

    Those of one sweep go into its folder, others into a new one below outputs/.
    """
    runs = comparison.read_runs(folders)
    if not runs:
        raise UserError("there is nothing to compare; give the folder of a run or of a sweep, or several")
    compared = comparison.compare(runs)
    sweep = folders[0] if len(folders) == 1 and is_sweep(folders[0]) else None
    place = sweep or Path("outputs") / compose.unique_name()
    make_folder(place)
    conclusion.show(compared, console)
    report.write(place, compared, environment.command_line())
    tracking, shown = compose.defaults([]).tracking, [run.folder for run in runs]
    reconcile(tracking, shown)
    conclusion.show_places(place, tracking, shown, sweep.absolute().name if sweep else None, console)


if __name__ == "__main__":
    main()
