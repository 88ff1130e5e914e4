"""A search from Python: without Hydra's launchers, in this process or in several."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from rich.console import Console

from vae_exp import compose
from vae_exp.config import Config
from vae_exp.errors import UserError, one_line
from vae_exp.machine import environment
from vae_exp.overrides import overrides_of
from vae_exp.registry import schemas
from vae_exp.searching import grammar, record
from vae_exp.searching.conclusion import conclude
from vae_exp.searching.options import Options
from vae_exp.searching.preparation import prepare
from vae_exp.searching.record import Record
from vae_exp.searching.search import first_batch, open_search
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import launching
from vae_exp.sweeping.footprint import require_room
from vae_exp.sweeping.job import Watch
from vae_exp.sweeping.local import LocalLauncher
from vae_exp.terminal import shown


def run_search(
    config: Config, space: Mapping[str, object], sweep: SweepFolder, options: Options, processes: int, watch: Watch
) -> None:
    """Search a space over a configuration, and write the report, even after a failure.

    `processes` is the number of runs at a time; `watch` returns the progress for a label. Raises UserError, before
    anything is written, when the search can't run.
    """
    asked = record.match(sweep.path, record_of(config, space, options))
    if not sweep.plan_file.exists():
        require_room(sweep, first_batch(sweep, asked))
    launcher = LocalLauncher(sweep.path, processes, watch)

    def launch(jobs: Sequence[Job], _until: int) -> None:
        launching.launch(launcher, sweep, jobs)

    with environment.remembered_command(), sweep.locked():
        command = environment.command_line()
        search = open_search(sweep, asked, command)
        try:
            search.run(launch)
        finally:
            conclude(search, command, f"python -m vae_exp.resume {shown(sweep.path)}", Console(file=io.StringIO()))


def record_of(config: Config, space: Mapping[str, object], options: Options) -> Record:
    """Return the search of a space over a configuration; raise UserError when a part of it can't run."""
    try:
        overrides = OverridesParser.create().parse_overrides(grammar.as_overrides(space))
    except HydraException as error:
        raise UserError(one_line(error)) from None
    request = grammar.read(overrides, lambda key: key in schemas())
    request = dataclasses.replace(request, fixed=overrides_of(config, ("seed", *request.space.keys)))
    return prepare(request, options, lambda given: compose.override(config, list(given), "space"))
