"""Jobs as the commands run them: with a tracker, a bar on the terminal, and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vae_exp import experiment
from vae_exp.config import Config
from vae_exp.config.saved import load_config
from vae_exp.errors import Interrupted, UserError, complain, describe
from vae_exp.machine import environment
from vae_exp.machine.signals import EXIT_CODES, interruptible, is_interruptible
from vae_exp.observers import Progress
from vae_exp.progress import show_progress
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.terminal import new_console, say, shown
from vae_exp.tracking import connect, how_to_look, reconcile

console = new_console()


def run(config: Config, folder: Path, label: str, origin: str | None = None) -> int:
    """Run one job by itself; return its exit code. What went wrong is said in one line."""
    try:
        with interruptible():
            experiment.run(config, folder, connect(config.tracking, label, None), bar_or_lines(label), origin)
            _show(config, RunFolder(folder))
    except UserError as error:
        complain(str(error))
        return 2
    except Exception as error:
        complain(f"{describe(error)}; see {shown(RunFolder(folder).log_file)}")
        return 1
    except (KeyboardInterrupt, Interrupted) as signal:
        complain(f"stopped; go on with: python -m vae_exp.resume {shown(folder)}")
        return EXIT_CODES[type(signal)]
    return 0


Watch = Callable[[str], Progress]
"""Returns what shows the progress of the run with a label."""


def bar_or_lines(label: str) -> Progress:
    """Show the progress of a run as suits the terminal or file that the command prints to."""
    return show_progress(label, console)


def run_planned(sweep: Path, name: str, at: int, until: int | None = None, watch: Watch = bar_or_lines) -> str:
    """Run the job of a sweep that is planned at byte `at` of its plan, up to epoch `until`; return its state.

    What goes wrong is in the job's folder, so that no launcher gives up the other jobs. Only a signal is raised, and
    SIGTERM only in the sweeper's own process: whoever stops a worker stops one job.
    """
    in_sweeper = is_interruptible()
    folder = RunFolder(sweep / name)
    label = name
    try:
        with interruptible():
            planned = SweepFolder(sweep).job(name, at)
            label = planned.label
            config = load_config(planned.config, f"{folder.path}: its plan")
            folder.write_hydra(planned.config, planned.overrides)
            connected = connect(config.tracking, label, sweep.name)
            experiment.run(config, folder.path, connected, watch(label), until=until)
    except Exception as error:
        complain(f"{label}: {describe(error)}")
    except Interrupted:
        if in_sweeper:
            raise
    return folder.state()


def _show(config: Config, folder: RunFolder) -> None:
    """Write a run's report, print what it ended with and where it is, and send what its tracking server lacks."""
    reconcile(config.tracking, [folder])
    final = folder.read_final()
    assert final is not None
    named = {split: final.measures.get(f"{split}/loss") for split in ("val", "test")}
    losses = [f"{split} loss {loss:.2f}" for split, loss in named.items() if loss is not None]
    best = f"best epoch {final.best_epoch} of {final.epochs}"
    say(console, "  ".join(["finished", best, *losses, shown(folder.path)]))
    _report(folder)
    for line in how_to_look(config.tracking, [folder], None):
        say(console, line)


def _report(folder: RunFolder) -> None:
    """Write the page of a run that is no job of a sweep, and say where it is; a full disk makes no failure of a run."""
    from vae_exp.comparison import report  # pandas and matplotlib take a second

    try:
        say(console, f"Report: {shown(report.write_run(folder.path, environment.command_line()))}")
    except UserError as error:
        complain(f"there is no report: {error}")
