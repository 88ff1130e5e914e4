"""`python -m vae_exp.resume FOLDER`: finish a run or a sweep that was stopped, or give a run more epochs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vae_exp import compose, train
from vae_exp.config import Config
from vae_exp.errors import UserError, complain
from vae_exp.loaded_run import read_config
from vae_exp.machine import environment
from vae_exp.overrides import quote
from vae_exp.searching.options import MAY_CHANGE, PREFIX
from vae_exp.searching.record import record_file
from vae_exp.storage.run_folder import RunFolder, is_run_folder
from vae_exp.storage.sweep_folder import SweepFolder, is_sweep
from vae_exp.sweeping import job
from vae_exp.sweeping.command import SLURM_KEYS

LAUNCHER = ("hydra/launcher=", "hydra.launcher.", "data.root=")
"""Overrides for a sweep: where its jobs run, and where its data is. Everything else is planned."""
SEARCH = tuple(f"{PREFIX}{key}=" for key in MAY_CHANGE)
"""More overrides for a search."""


def main() -> None:
    """Parse the command line and exit with the code of `resume`."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.resume", description=resume.__doc__)
    parser.add_argument("folder", type=Path, help="folder of a run or of a sweep")
    parser.add_argument("overrides", nargs="*", help="a run: trainer.epochs=80; a sweep: hydra/launcher=joblib …")
    arguments = parser.parse_intermixed_args()
    try:
        code = resume(arguments.folder, arguments.overrides)
    except UserError as error:
        complain(str(error))
        code = 2
    raise SystemExit(code)


def resume(folder: Path, overrides: list[str]) -> int:
    """Finish a run or a sweep. Finished runs are not touched; the others continue from their last valid checkpoint.

    Send what the tracking server missed. Exit codes: 0 all finished, 1 a run failed, 2 refused.
    """
    if is_sweep(folder) or record_file(folder).is_file():
        return _sweep(folder, overrides)
    if not is_run_folder(folder):
        raise UserError(f"{folder} is neither a run nor a sweep: it has no config.yaml and no sweep.json")
    run = RunFolder(folder)
    config = compose.override(read_config(run), overrides, "overrides")
    _require_known_data(run, config, overrides)
    return job.run(config, folder, folder.absolute().name)


def _require_known_data(run: RunFolder, config: Config, overrides: list[str]) -> None:
    """Raise UserError when only the saved configuration names `data.root`, and no saved digest identifies that data.

    An untrusted configuration could name a folder of private pictures.
    """
    environment = run.read_environment()
    is_given = any(text.startswith(("data.root=", "data=")) for text in overrides)
    if config.data.root is not None and not is_given and not (environment and environment.data.digest):
        raise UserError(
            f"{run.environment_file} has no digest of the data, so data.root={config.data.root} is not read; "
            "give your folder as data.root=FOLDER"
        )


def _sweep(folder: Path, overrides: list[str]) -> int:
    """Run the planned jobs with Hydra's launcher. Hydra reads none of their configurations."""
    is_search = record_file(folder).is_file()
    allowed = LAUNCHER + SLURM_KEYS + (SEARCH if is_search else ())
    for override in overrides:
        if not override.startswith(allowed):
            what = "search" if is_search else "sweep"
            rule = f"only {', '.join(f'{start}…' for start in allowed)} can be given for a {what}"
            again = f"give the sweep's own command again with hydra.sweep.dir={folder} to change or extend it"
            raise UserError(f"{rule}, got {override!r}; {again}")
    if not is_search and not SweepFolder(folder).jobs():
        raise UserError(f"{folder} has no jobs in its plan; there is nothing to finish")
    environment.remember_command()
    place = [f"hydra.sweep.dir={quote(str(folder.absolute()))}", "hydra.sweeper.resume=true"]
    sys.argv[1:] = ["--multirun", *(["hydra/sweeper=search"] if is_search else []), *place, *overrides]
    train.main()
    return 0


if __name__ == "__main__":
    main()
