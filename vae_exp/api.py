"""Run, sweep and search from a script or a notebook, with progress and optional tracking."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp import experiment
from vae_exp.config import Config, MlflowConfig, NoTrackingConfig
from vae_exp.config.conversion import convert
from vae_exp.config.identity import as_dict
from vae_exp.config.rules import at_least
from vae_exp.config.saved import load_config
from vae_exp.data.given import arrays_config, given
from vae_exp.errors import UserError
from vae_exp.loaded_run import LoadedRun
from vae_exp.loaded_sweep import LoadedSweep
from vae_exp.machine import environment
from vae_exp.progress import interactive_progress
from vae_exp.storage.paths import require_path
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping.grid import Grid, run_grid
from vae_exp.tracking import connect

if TYPE_CHECKING:
    from vae_exp.searching.loaded_search import LoadedSearch


def run(
    config: Config, folder: Path | str, *, data: object = None, progress: bool = True, tracking: bool = False
) -> LoadedRun:
    """Train, evaluate and draw one VAE in `folder`, write its `report.html`, and return it.

    Calling it again with the same folder is safe: a finished run is returned, and an interrupted or failed one
    continues from its last checkpoint to the same bits.

    Args:
        config: The complete configuration.
        folder: The run's folder.
        data: Images, a pair of images and labels (arrays or tensors), or a data set of such pairs, as in torchvision;
            `config.data` must then be `ArraysConfig(…)` without a root, or the default. To resume or reproduce the run,
            give the same data here or as `data.root=FILE`; digests are compared.
        progress: Show progress in a terminal or a notebook.
        tracking: Send the run to MLflow, with the options of `config.tracking`. By default the run is saved with
            `NoTrackingConfig`, so that `python -m vae_exp.resume` sends nothing either.

    Raises:
        UserError: The configuration breaks a rule, or the folder holds another run; nothing was made or changed.
        Diverged: The loss became NaN or infinite; the run has failed and keeps its last checkpoint.
    """
    from vae_exp.comparison.report import write_run  # pandas and matplotlib take a second

    folder = require_path(folder, "folder")
    config, name = checked(config, tracking, data), folder.absolute().name
    with given(data):
        watcher = interactive_progress(name, progress)
        done = experiment.run(config, folder, connect(config.tracking, name, None), watcher)
    write_run(folder, environment.command_line())
    return done


def sweep(
    config: Config,
    grid: Grid,
    folder: Path | str,
    *,
    data: object = None,
    jobs: int = 1,
    progress: bool = True,
    tracking: bool = False,
) -> LoadedSweep:
    """Run every combination of values in `folder`, compare the runs, and return the sweep.

    Every job is checked before the first one starts. Calling it again with the same folder runs unfinished jobs, and
    more values extend the sweep. The command `python -m vae_exp.train -m` does the same: either can finish what the
    other started. A failed job stops no other; its state is in the table.

    Args:
        config: The configuration that all jobs share.
        grid: Values by dotted key, such as `{"model.latent_dim": [2, 4], "seed": range(3)}`, or options by group, such
            as `{"model": [ConvConfig(), MlpConfig()]}`. The last key varies fastest.
        folder: Where the plan, the runs and the report are saved.
        data: The data of all runs; see `run`.
        jobs: Number of runs at a time, each in its own process with its share of torch's threads.
        progress: Show progress in a terminal or a notebook.
        tracking: Send the runs to MLflow, with the options of `config.tracking`; see `run`.

    Raises:
        UserError: A configuration breaks a rule, or the folder can't be used; nothing was made or changed.
    """
    config, processes = checked(config, tracking, data), convert(jobs, int, "jobs")
    at_least("jobs", processes, 1)
    folder = require_path(folder, "folder")
    watch = partial(interactive_progress, is_wanted=progress, unit="epoch" if processes == 1 else "job")
    with given(data):
        run_grid(config, grid, SweepFolder(folder), processes, watch)
    return LoadedSweep(folder)


def search(
    config: Config,
    space: Mapping[str, object],
    folder: Path | str,
    *,
    trials: int,
    data: object = None,
    jobs: int = 1,
    progress: bool = True,
    tracking: bool = False,
    **options: Any,
) -> LoadedSearch:
    """Search a space for the best configuration, and return the search.

    The folder is the same as the command's: either can continue what the other started, and more trials extend it.

    Args:
        config: The configuration that all trials share.
        space: The values of each searched key: a range, a list, or text in Hydra's grammar, such as
            `"tag(log,interval(1e-4,1e-2))"`. Several values of `seed` run each trial with each of them.
        folder: The search's folder.
        trials: Number of configurations to try.
        data: The data of all trials; see `run`.
        jobs: Number of runs at a time, each in its own process. It doesn't change the result.
        progress: Show progress in a terminal or a notebook.
        tracking: Send the runs to MLflow, with the options of `config.tracking`.
        options: The options of `hydra.sweeper`: `minimize`, `sampler`, `seed`, `batch`, `first_epochs`, `factor`,
            `leave_out`.

    Raises:
        UserError: The space or an option can't be used, or the folder holds another search; nothing was made.
    """
    from vae_exp.searching.from_python import run_search
    from vae_exp.searching.loaded_search import LoadedSearch
    from vae_exp.searching.options import Options

    config, processes = checked(config, tracking, data), convert(jobs, int, "jobs")
    at_least("jobs", processes, 1)
    folder = require_path(folder, "folder")
    watch = partial(interactive_progress, is_wanted=progress, unit="epoch" if processes == 1 else "job")
    with given(data):
        run_search(config, space, SweepFolder(folder), Options(trials=trials, **options), processes, watch)
    return LoadedSearch(folder)


def checked(config: Config, tracking: bool, data: object = None) -> Config:
    """Return a copy that is checked again, since fields can be assigned after a configuration is created."""
    if tracking and not isinstance(config.tracking, MlflowConfig):
        raise UserError("config.tracking must be MlflowConfig(…) with tracking=True")
    config = load_config(as_dict(config), "config")
    if data is not None:
        config = dataclasses.replace(config, data=arrays_config(config.data))
    return config if tracking else dataclasses.replace(config, tracking=NoTrackingConfig())
