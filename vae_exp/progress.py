"""The progress of a run: a bar on a terminal or in a notebook, a line for each epoch in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import ProgressColumn, Task, TaskID, track
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vae_exp.notebook import NotebookBar
from vae_exp.observers import NoProgress, Progress
from vae_exp.printing import printable
from vae_exp.progress_text import ProgressText, duration, fit, losses
from vae_exp.storage.metrics import Record
from vae_exp.terminal import new_console, say

ECHO = len("^C")
"""Columns left free for the `^C` that a terminal echoes: on a full line it would wrap, and show the bar twice."""

T = TypeVar("T")


def show_progress(label: str, console: Console) -> Progress:
    """Return the progress of a command: a bar on a terminal, a line for each epoch elsewhere."""
    return Bar(label, console) if console.is_terminal else Lines(label, console)


def interactive_progress(label: str, is_wanted: bool = True, unit: str = "epoch") -> Progress:
    """Return a bar on a terminal or in a notebook, and `NoProgress` elsewhere."""
    console = new_console()
    if is_wanted and console.is_jupyter:
        return NotebookBar(label, unit)
    return Bar(label, console, unit) if is_wanted and console.is_terminal else NoProgress()


def counted(console: Console, items: Sequence[T], work: str) -> Iterable[T]:
    """Yield items and show on a terminal how many are done; clear that at the end."""
    return track(items, work, console=console, transient=True, disable=not console.is_terminal)


class Lines:
    """One line for each epoch."""

    def __init__(self, label: str, console: Console) -> None:
        self.label, self.console = label, console
        self.epochs = 0

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Print the epoch that a resumed run continues after."""
        self.epochs = epochs
        if done:
            self._print(f"continuing after epoch {done}")

    def step(self) -> None:
        """Print nothing."""

    def epoch(self, record: Record) -> None:
        """Print the losses."""
        self._print(f"epoch {record['epoch']}/{self.epochs}  {losses(record)} nats  {record['seconds']:.1f} s")

    def say(self, text: str) -> None:
        """Print nothing: the log file has it."""

    def stop(self) -> None:
        """Print nothing."""

    def _print(self, text: str) -> None:
        say(self.console, f"{self.label}  {text}")


class Bar:
    """A bar with the label, the epoch, its losses and the time left."""

    def __init__(self, label: str, console: Console, unit: str = "epoch") -> None:
        self.text = ProgressText(printable(label), unit)
        self.bar = RichProgress(_Line(self.text, console), console=console, speed_estimate_period=120)
        self.task: TaskID = self.bar.add_task(label, total=None)

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Draw the bar."""
        self.text.epochs, self.text.epoch = epochs, done
        self.bar.update(self.task, total=epochs * steps, completed=done * steps)
        self.bar.start()

    def step(self) -> None:
        """Move on by a step."""
        self.bar.advance(self.task)

    def epoch(self, record: Record) -> None:
        """Show the losses."""
        self.text.epoch, self.text.record = int(record["epoch"]), record

    def say(self, text: str) -> None:
        """Show the current activity."""
        self.text.doing = text

    def stop(self) -> None:
        """Leave the last epoch on the terminal."""
        self.text.doing = ""
        self.bar.stop()


class _Line(ProgressColumn):
    """The whole line, in the terminal's current width."""

    def __init__(self, text: ProgressText, console: Console) -> None:
        super().__init__()
        self.text, self.console = text, console

    def render(self, task: Task) -> Table:
        """Return the line."""
        left = duration(task.time_remaining)
        label, bar, text = fit(self.console.width - ECHO, self.text.label, self.text.variants(left))
        line = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        cells: list[Any] = [Text(label)] if label else []
        cells += [ProgressBar(task.total, task.completed, width=bar, pulse=task.total is None)] if bar else []
        line.add_row(*cells, Text(text))
        return line
