"""What a person sees: one progress bar on a terminal, one line an epoch elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn, track

from vae_exp.storage.metrics import Record

T = TypeVar("T")

SPLITS = ("train", "val", "test")


def show_progress(label: str, console: Console) -> Bar | Lines:
    """Return what suits the console: a bar that moves, or lines for a file."""
    return Bar(label, console) if console.is_terminal else Lines(label, console)


def losses(record: Record) -> str:
    """Return an epoch's losses in nats: `train 171.2  val 170.8  test 171.0`."""
    return "  ".join(f"{split} {record[f'{split}/loss']:.2f}" for split in SPLITS if f"{split}/loss" in record)


class Lines:
    """One line an epoch."""

    def __init__(self, label: str, console: Console) -> None:
        self.label, self.console = label, console
        self.epochs = 0

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Say where it begins."""
        self.epochs = epochs
        if done:
            self._print(f"going on after epoch {done}")

    def step(self) -> None:
        """Say nothing."""

    def epoch(self, record: Record) -> None:
        """Say the losses."""
        self._print(f"epoch {record['epoch']}/{self.epochs}  {losses(record)} nats  {record['seconds']:.1f} s")

    def say(self, text: str) -> None:
        """Say nothing: the log file has it."""

    def stop(self) -> None:
        """Say nothing."""

    def _print(self, text: str) -> None:
        say(self.console, f"{self.label}  {text}")


class Bar:
    """A bar with the epoch, the losses and the time left."""

    def __init__(self, label: str, console: Console) -> None:
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=120,
        )
        self.task: TaskID = self.bar.add_task(label, total=None, text="")
        self.epochs = 0

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Draw the bar."""
        self.epochs = epochs
        self.bar.update(self.task, total=epochs * steps, completed=done * steps, text=f"epoch {done}/{epochs}")
        self.bar.start()

    def step(self) -> None:
        """Move on by a step."""
        self.bar.advance(self.task)

    def epoch(self, record: Record) -> None:
        """Show the losses."""
        self.bar.update(self.task, text=f"epoch {record['epoch']:.0f}/{self.epochs}  {losses(record)}")

    def say(self, text: str) -> None:
        """Show what is being done."""
        self.bar.update(self.task, text=text)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self.bar.update(self.task, text="")
        self.bar.stop()


def counted(console: Console, items: Sequence[T], work: str) -> Iterable[T]:
    """Yield items, and show on a terminal how many of them are done; nothing of it stays there."""
    return track(items, work, console=console, transient=True, disable=not console.is_terminal)


def shown(path: Path) -> str:
    """Return a path as a person would type it here, quoted where a shell needs it."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no colours, not broken, so that it can be copied."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
