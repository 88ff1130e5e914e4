"""`python -m vae_exp.compare FOLDER ...`: compare runs and sweeps side by side."""

from __future__ import annotations

import argparse
import contextlib
import webbrowser
from pathlib import Path

from rich.console import Console

from vae_exp import comparison, compose
from vae_exp.comparison import report
from vae_exp.comparison.searched import Searched
from vae_exp.errors import UserError, complain
from vae_exp.machine import environment
from vae_exp.searching.record import record_file
from vae_exp.storage.files import make_folder
from vae_exp.storage.sweep_folder import is_sweep
from vae_exp.sweeping import conclusion
from vae_exp.terminal import new_console, shown
from vae_exp.tracking import reconcile, renew_view


def main() -> None:
    """Parse the command line, compare, and open the report with `--open`."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.compare", description=compare.__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folder of a run or of a sweep")
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    arguments = parser.parse_args()
    try:
        page = compare(arguments.folders, new_console())
    except UserError as error:
        complain(str(error))
        raise SystemExit(2) from None
    if arguments.open and page is not None and not webbrowser.open(page.absolute().as_uri()):
        complain(f"no browser could be started; open {shown(page)} in one")


def compare(folders: list[Path], console: Console) -> Path | None:
    """Print the table of these runs and write their report; return its path, or None when it can't be written.

    The report of one run or sweep goes into its folder. The report of several, or of a folder that can't be written,
    goes with comparison.csv into a new folder below outputs/.
    """
    runs = comparison.read_runs(folders)
    if not runs:
        raise UserError("there is nothing to compare; give the folder of a run or of a sweep, or several")
    compared = comparison.compare(runs)
    conclusion.show(compared, console)
    page = _write(folders, compared)
    tracking, compared_folders = compose.defaults([]).tracking, [run.folder for run in runs]
    reconcile(tracking, compared_folders)
    sweep = folders[0] if len(folders) == 1 and is_sweep(folders[0]) else None
    if sweep is not None:
        renew_view(tracking, sweep, compared_folders, *conclusion.axes(compared))
    conclusion.show_places(page, tracking, compared_folders, sweep, console)
    return page


def _write(folders: list[Path], compared: comparison.Comparison) -> Path | None:
    """Write the report into its folder, else below outputs/; return None when both fail."""
    command, new = environment.command_line(), Path("outputs") / compose.unique_name()
    with contextlib.suppress(UserError):
        if len(folders) == 1:
            write = report.write if is_sweep(folders[0]) else report.write_page
            return write(folders[0], compared, command, _searched(folders[0]))
    with contextlib.suppress(UserError, OSError):
        make_folder(new)
        return report.write(new, compared, command)
    return None


def _searched(folder: Path) -> Searched | None:
    """Return the results of the search in a folder; None if there is no search, or it has no trial yet."""
    if not record_file(folder).is_file():
        return None
    from vae_exp.searching.charts import searched_in  # imports torch, which the report of a sweep does not need

    return searched_in(folder)


if __name__ == "__main__":
    main()
