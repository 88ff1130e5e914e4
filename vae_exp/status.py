"""`python -m vae_exp.status FOLDER`: show the progress of a run, a sweep or a folder of several."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from vae_exp.errors import UserError, complain
from vae_exp.printing import print_line
from vae_exp.terminal import Escaped, draw, new_console, say
from vae_exp.watching import overview, screen
from vae_exp.watching.overview import Overview

PAUSE = 2.0
"""Seconds between two readings with `--watch`."""


def main() -> None:
    """Parse the command line and print the status."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.status", description=status.__doc__)
    parser.add_argument("folder", type=Path, help="folder of a run or of a sweep, or a folder of several")
    parser.add_argument("--watch", action="store_true", help="redraw until nothing runs and nothing is queued")
    parser.add_argument("--json", action="store_true", help="print JSON for a script")
    arguments = parser.parse_args()
    try:
        status(arguments.folder, arguments.watch, arguments.json)
    except UserError as error:
        complain(str(error))
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def status(folder: Path, watch: bool = False, as_json: bool = False) -> None:
    """Print jobs by state, running jobs with their remaining time, the queue, and the best so far.

    Reads the folder from any machine that sees it; takes no lock and writes nothing.
    """
    found = overview.read(folder)
    if as_json:
        for line in json.dumps([each.as_json() for each in found], indent=2).splitlines():
            print_line(line)
        return
    console = new_console()
    if watch:
        _watch(folder, found, console)
        return
    for part in screen.draw(found):
        if isinstance(part, str):
            say(console, part)
        else:
            draw(console, part)


def _watch(folder: Path, found: list[Overview], console: Console) -> None:
    """Redraw until nothing runs and nothing is queued."""
    with Live(Escaped(screen.folded(screen.draw(found))), console=console, auto_refresh=False) as live:
        while not all(each.is_over for each in found):
            time.sleep(PAUSE)
            found = overview.read(folder)
            live.update(Escaped(screen.folded(screen.draw(found))), refresh=True)


if __name__ == "__main__":
    main()
