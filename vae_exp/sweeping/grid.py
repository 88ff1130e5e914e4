"""A sweep from Python: every combination of values of a configuration's keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from vae_exp.comparison import compare
from vae_exp.comparison.runs import planned_runs
from vae_exp.config import Config
from vae_exp.config.identity import as_dict, format_value
from vae_exp.config.options import Options
from vae_exp.config.saved import with_values
from vae_exp.errors import UserError, short
from vae_exp.machine import environment
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import launching, planning, slurm
from vae_exp.sweeping.conclusion import publish
from vae_exp.sweeping.footprint import require_room
from vae_exp.sweeping.job import Watch
from vae_exp.sweeping.local import LocalLauncher
from vae_exp.sweeping.planning import Request

Grid = Mapping[str, Iterable[Any]]
"""Values by dotted key, `{"model.latent_dim": [2, 4], "seed": range(3)}`, or options, `{"model": [MlpConfig()]}`."""


def run_grid(config: Config, grid: Grid, sweep: SweepFolder, processes: int, watch: Watch) -> None:
    """Plan every combination, run unfinished jobs, and write the report, even after a failure.

    `processes` is the number of jobs at a time, each with its share of torch's threads; `watch` returns the progress
    for a label.
    """
    requested, swept = requests(config, grid)
    make = partial(_planned, sweep, requested, swept, processes)
    with environment.remembered_command(), planning.locked(sweep, make) as jobs:
        slurm.refuse_queued(sweep.path)
        command = environment.command_line()
        jobs = sweep.write_plan(jobs, command)
        waiting = [job for job in jobs if sweep.needs_run(job)]
        try:
            launching.launch(LocalLauncher(sweep.path, processes, watch), sweep, waiting)
        finally:
            publish(sweep, jobs, compare(planned_runs(sweep, jobs)), command)


def _planned(
    sweep: SweepFolder, requested: Sequence[Request], swept: Sequence[str], processes: int, known: Sequence[Job]
) -> list[Job]:
    jobs = planning.plan(requested, swept, known, partial(_threads, processes), planning.cached_check())
    require_room(sweep, jobs)
    return jobs


def _threads(processes: int) -> int:
    import torch

    return max(1, torch.get_num_threads() // processes)


def requests(config: Config, grid: Grid) -> tuple[list[Request], list[str]]:
    """Return a request for each combination (the last key varies fastest), and the keys with several values.

    Raises UserError when a key has no list of values.
    """
    values = {key: _values(key, given) for key, given in grid.items()}
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    swept = {key for key, given in values.items() if len(given) > 1}
    every = [_request(config, chosen) for chosen in combinations]
    given = dict.fromkeys(text.partition("=")[0] for request in every for text in request.overrides)
    return every, [key for key in given if key in swept or key.partition(".")[0] in swept]


def _values(key: str, given: object) -> list[Any]:
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise UserError(f"{key} must have a list of values, got {short(given)}")
    if not (values := list(given)):
        raise UserError(f"{key} must have at least one value, got none")
    return values


def _request(config: Config, chosen: Mapping[str, Any]) -> Request:
    overrides = [text for key, value in chosen.items() for text in _overrides(key, value)]
    return Request(overrides, None, partial(with_values, config, chosen))


def _overrides(key: str, value: Any) -> list[str]:
    """Return the overrides of a job as on the command line: `model.latent_dim=2`.

    Options of a group become its name and the values that differ from their defaults.
    """
    if not isinstance(value, Options):
        return [f"{key}={format_value(_plain(value))}"]
    mine, default = as_dict(value), as_dict(type(value)())
    differing = [f"{key}.{name}={format_value(mine[name])}" for name in mine if mine[name] != default[name]]
    return [f"{key}={mine['name']}", *differing] if "name" in mine else differing


def _plain(value: Any) -> Any:
    """Convert numbers of NumPy to Python's, and sequences to lists."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value
