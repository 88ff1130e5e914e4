"""Run jobs for the commands: with a tracker, a progress bar, and an exit code.

torch is imported when a job runs, so that errors and output that do not need it appear within a second.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vae_exp.config import Config
from vae_exp.config.saved import load_config
from vae_exp.errors import Interrupted, UserError, complain, describe
from vae_exp.machine import environment
from vae_exp.machine.process import end_with_parent
from vae_exp.machine.signals import EXIT_CODES, interruptible, is_interruptible
from vae_exp.observers import Progress
from vae_exp.progress import show_progress
from vae_exp.storage.hydra_record import write_hydra
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.terminal import new_console, say, shown
from vae_exp.tracking import connect, has_sent, reconcile, view_commands

console = new_console()


def run(config: Config, folder: Path, label: str, origin: str | None = None) -> int:
    """Run a single job; return its exit code. Print an error in one line."""
    try:
        with interruptible():
            from vae_exp import experiment

            tracker = connect(config.tracking, label, None)
            experiment.run(config, folder, tracker, bar_or_lines(label), origin)
            if not has_sent(tracker):  # otherwise it has reported what is missing
                reconcile(config.tracking, [RunFolder(folder)])
            _show(config, RunFolder(folder))
    except UserError as error:
        complain(str(error))
        return 2
    except Exception as error:
        complain(_explain(error, RunFolder(folder)))
        return 1
    except (KeyboardInterrupt, Interrupted) as signal:
        complain(f"stopped; resume with: python -m vae_exp.resume {shown(folder)}")
        return EXIT_CODES[type(signal)]
    return 0


def _explain(error: Exception, folder: RunFolder) -> str:
    """Return the reason of a failure and the log's path, unless the run folder is gone."""
    if folder.log_file.exists():
        return f"{describe(error)}; see {shown(folder.log_file)}"
    return f"{describe(error)}; {shown(folder.path)} was removed or renamed while the run trained"


Watch = Callable[[str], Progress]
"""Returns the progress to use for the run with this label."""


def bar_or_lines(label: str) -> Progress:
    """Return the progress of a run: a bar on a terminal, lines elsewhere."""
    return show_progress(label, console)


def run_planned(sweep: Path, name: str, at: int, until: int | None = None, watch: Watch = bar_or_lines) -> str:
    """Run the job of a sweep that is planned at byte `at` of its plan, up to epoch `until`; return its state.

    An error is saved in the job's folder and not raised, so that a launcher continues with other jobs. Only signals are
    raised, and SIGTERM only in the sweeper's own process: in a worker it stops one job.
    """
    if not (in_sweeper := is_interruptible()):
        end_with_parent()
    folder = RunFolder(sweep / name)
    label = name
    try:
        with interruptible():
            from vae_exp import experiment

            planned = SweepFolder(sweep).job(name, at)
            label = planned.label
            config = load_config(planned.config, f"{folder.path}: its plan")
            _require_planned_data(config, planned)
            write_hydra(folder, planned.config, planned.overrides)
            connected = connect(config.tracking, label, sweep.name)
            experiment.run(config, folder.path, connected, watch(label), until=until)
    except Exception as error:
        complain(f"{label}: {describe(error)}")
    except Interrupted:
        if in_sweeper:
            raise
    return folder.state()


def _require_planned_data(config: Config, planned: Job) -> None:
    """Raise UserError unless `data.root`, which an untrusted plan may name, holds the data of the plan."""
    from vae_exp import data

    if config.data.root is not None and planned.data is not None and data.load(config.data).digest != planned.data:
        raise UserError(
            f"data.root must hold the data that the job was planned for, got other images: {config.data.root}"
        )


def _show(config: Config, folder: RunFolder) -> None:
    """Print a run's result and folder, and write its report."""
    final = folder.read_final()
    assert final is not None
    named = {split: final.measures.get(f"{split}/loss") for split in ("val", "test")}
    losses = [f"{split} loss {loss:.2f}" for split, loss in named.items() if loss is not None]
    best = f"best epoch {final.best_epoch} of {final.epochs}"
    say(console, "  ".join(["finished", best, *losses, shown(folder.path)]))
    _report(folder)
    for line in view_commands(config.tracking, [folder], None):
        say(console, line)


def _report(folder: RunFolder) -> None:
    """Write the report of a single run and print its path. A full disk doesn't make the run fail."""
    from vae_exp.comparison import report  # pandas and matplotlib take a second

    try:
        say(console, f"Report: {shown(report.write_run(folder.path, environment.command_line()))}")
    except UserError as error:
        complain(f"there is no report: {error}")
