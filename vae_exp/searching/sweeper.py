"""Run a search from its command line to its report, with Hydra's launchers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig

from vae_exp import compose
from vae_exp.errors import Interrupted, UserError, complain
from vae_exp.first_line import say_jobs
from vae_exp.machine import environment
from vae_exp.machine.signals import EXIT_CODES
from vae_exp.searching import grammar, record
from vae_exp.searching.options import MAY_CHANGE, Options
from vae_exp.searching.preparation import prepare
from vae_exp.searching.record import Record
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import launching
from vae_exp.sweeping.command import Command
from vae_exp.sweeping.composing import Composer
from vae_exp.sweeping.job import console
from vae_exp.sweeping.sweeper import code_of
from vae_exp.terminal import say


def search(config: DictConfig, context: HydraContext, options: Mapping[str, Any], given: Sequence[str]) -> int:
    """Run the search of a command line, or continue the one in its folder; return the exit code.

    `options` are those of `hydra.sweeper`, `given` the other overrides.
    """
    return code_of(lambda: _search(Command(config, context, None), options, given))


def resume(config: DictConfig, context: HydraContext, options: Mapping[str, Any]) -> int:
    """Resume the search of a folder, with other `trials` and `leave_out` if given; return the exit code."""
    return code_of(lambda: _resume(Command(config, context, None), options))


def _search(command: Command, options: Mapping[str, Any], given: Sequence[str]) -> int:
    sweep = command.sweep
    asked = record.match(sweep.path, _asked(command, Options(**options), given))
    _check(command, asked)
    if not sweep.plan_file.exists():
        _require_room(sweep, asked)
    with sweep.locked():
        return _run(command, asked, environment.command_line())


def _require_room(sweep: SweepFolder, asked: Record) -> None:
    """Print how much of the disk the first batch will take; raise UserError when less is free."""
    from vae_exp.searching.search import first_batch  # imports torch, as the next line does
    from vae_exp.sweeping.footprint import require_room

    say(console, f"the first batch: {require_room(sweep, first_batch(sweep, asked))}")


def _check(command: Command, asked: Record) -> None:
    """Raise UserError when the cluster would refuse the search. Nothing is written."""
    if command.uses_slurm:
        command.cluster.check_reserved((asked.options.trials or 0) * len(asked.seeds))
    if command.is_handed_over:
        command.cluster.check_conclusion()


def _asked(command: Command, options: Options, given: Sequence[str]) -> Record:
    """Return the search that the command line requests; raise UserError before anything is written."""
    loader = command.context.config_loader
    try:
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(given))
    except HydraException as error:
        raise UserError(compose.explain(error)) from None
    request = grammar.read(overrides, lambda key: bool(loader.get_group_options(key)))
    composer = Composer(loader, command.config)
    with suppress(UserError):  # raised again below, with the values that it is about
        data = composer.compose(request.overrides(next(iter(request.space.corners())))).data.name
        say_jobs(options.trials or 0, "trial", given, request.space.keys, data, command.sweep.path)
    return prepare(request, options, composer.compose)


def _resume(command: Command, options: Mapping[str, Any]) -> int:
    sweep = command.sweep
    known = record.with_root(record.read(sweep.path), command.config.data.root)
    given = {key: options[key] for key in MAY_CHANGE if options[key]}
    asked = record.replace_options(known, dataclasses.replace(known.options, **given))
    _check(command, asked)
    with sweep.locked():
        typed = sweep.read_plan().command if sweep.plan_file.exists() else environment.command_line()
        return _run(command, record.match(sweep.path, asked), typed)


def _run(command: Command, asked: Record, typed: list[str]) -> int:
    """Run all remaining steps, and conclude the search even after a failure; return its exit code.

    A search that is handed over to Slurm runs its steps and is concluded there.
    """
    from vae_exp.searching.conclusion import conclude  # imports torch, as what follows does
    from vae_exp.searching.handover import hand_over
    from vae_exp.searching.search import open_search

    if command.is_handed_over:
        return hand_over(command, asked, typed)
    command.refuse_queued()
    launcher, sweep = command.launcher, command.sweep
    search = open_search(sweep, asked, typed)

    def launch(jobs: Sequence[Job], until: int) -> None:
        count = "1 run" if len(jobs) == 1 else f"{len(jobs)} runs"
        say(console, f"training {count} to epoch {until}")
        launching.launch(launcher, sweep, jobs)

    stopped = 0
    try:
        search.run(launch)
    except launching.CannotStart as error:
        complain(str(error))
    except (KeyboardInterrupt, Interrupted) as signal:
        stopped = EXIT_CODES[type(signal)]
        command.stop()
    code = conclude(search, typed, command.resume_command, console)
    return stopped or code
