"""Jobs as the commands run them: with a tracker, a bar on the terminal, and an exit code."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from vae_exp import compose, environment, experiment
from vae_exp.config import Config
from vae_exp.errors import Interrupted, UserError, complain
from vae_exp.run_folder import RunFolder
from vae_exp.signals import EXIT_CODES, interruptible
from vae_exp.sweep import SweepFolder
from vae_exp.terminal import show_progress
from vae_exp.tracking import connect

console = Console()


def run(config: Config, folder: Path, label: str, origin: str | None = None) -> int:
    """Run one job by itself; return its exit code. What went wrong is said in one line."""
    try:
        with interruptible():
            _run(config, folder, label, None, origin)
    except UserError as error:
        complain(str(error))
        return 2
    except Exception as error:
        complain(f"{experiment.one_line_of(error)}; see {shown(RunFolder(folder).log_file)}")
        return 1
    except (KeyboardInterrupt, Interrupted) as signal:
        complain(f"stopped; go on with: python -m vae_exp.resume {shown(folder)}")
        return EXIT_CODES[type(signal)]
    return 0


def run_planned(folder: Path) -> str:
    """Run one job of a sweep as `sweep.json` planned it; return its state. Only a signal is raised.

    What goes wrong is in the job's folder, so that no launcher gives up the other jobs.
    """
    sweep = SweepFolder(folder.parent)
    job = sweep.job(folder.name)
    try:
        with interruptible():
            config = compose.load(job.config, str(sweep.plan_file))
            _run(config, folder, job.label, sweep.path.name, None)
    except Exception as error:
        complain(f"{job.label}: {experiment.one_line_of(error)}")
    return RunFolder(folder).state()


def _run(config: Config, folder: Path, label: str, sweep: str | None, origin: str | None) -> None:
    tracker = connect(config.tracking, label, sweep)
    experiment.run(config, folder, tracker, show_progress(label, console), origin)


def conclude(sweep: SweepFolder) -> int:
    """Show every planned job with its state; return the sweep's exit code."""
    states = [sweep.folder(job).state() for job in sweep.jobs()]
    for job, state in zip(sweep.jobs(), states, strict=True):
        console.print(job.label, state)
    return 0 if all(state == "finished" for state in states) else 1


def command() -> list[str]:
    """Return what the user typed."""
    return environment.command_line()


def shown(path: Path) -> str:
    """Return a path as a person would type it here, quoted where a shell needs it."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
