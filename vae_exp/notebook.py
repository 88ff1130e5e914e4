"""The progress of a run in a cell of a notebook."""

from __future__ import annotations

import html
import time
from importlib import import_module
from typing import Any

from vae_exp.progress_text import ProgressText, duration
from vae_exp.storage.metrics import Record

PAUSE = 0.3
"""Seconds between two updates of a cell: each is a message to the browser."""

_BAR = '<progress max="{total}" value="{done}" style="width: 16em"></progress> <code>{label}  {text}</code>'


class NotebookBar:
    """A progress bar that is updated in its cell."""

    def __init__(self, label: str, unit: str = "epoch") -> None:
        self.text = ProgressText(label, unit)
        self.total = self.done = self.before = 0
        self.cell: Any = None
        self.began = self.drawn = 0.0

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Draw the bar."""
        self.text.epochs, self.text.epoch = epochs, done
        self.total, self.done, self.before = epochs * steps, done * steps, done * steps
        self.began, self.cell = time.monotonic(), import_module("IPython.display").DisplayHandle()
        self.cell.display(self)

    def step(self) -> None:
        """Move on by a step."""
        self.done += 1
        if time.monotonic() - self.drawn > PAUSE:
            self._draw()

    def epoch(self, record: Record) -> None:
        """Show the losses."""
        self.text.epoch, self.text.record = int(record["epoch"]), record
        self._draw()

    def say(self, text: str) -> None:
        """Show the current activity."""
        self.text.doing = text
        self._draw()

    def stop(self) -> None:
        """Leave the last epoch in the cell."""
        self.text.doing = ""
        self._draw()

    def _draw(self) -> None:
        if self.cell is not None:  # None when a run ends before its first epoch
            self.drawn = time.monotonic()
            self.cell.update(self)

    def _left(self) -> float | None:
        """Return the remaining seconds, at the speed so far."""
        steps = self.done - self.before
        return (time.monotonic() - self.began) / steps * (self.total - self.done) if steps else None

    def __repr__(self) -> str:
        return f"{self.text.label}  {self.text.variants(duration(self._left()))[0]}"

    def _repr_html_(self) -> str:
        text = html.escape(self.text.variants(duration(self._left()))[0])
        return _BAR.format(total=self.total, done=self.done, label=html.escape(self.text.label), text=text)
