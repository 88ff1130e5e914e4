"""What a run reports to: a tracker, which sends it somewhere, and progress, which a person sees."""

from __future__ import annotations

from typing import Protocol

from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder


class Tracker(Protocol):
    """Shows a run somewhere else. It reads the folder, which is complete whatever happens to the tracker."""

    def start(self, folder: RunFolder) -> None:
        """Begin, or go on, with the run in this folder."""

    def update(self) -> None:
        """Be notified that the folder has something new."""

    def finish(self) -> None:
        """Be notified that the run has ended; its state is in the folder."""


class Progress(Protocol):
    """Shows a person how far a run is."""

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Expect `epochs` epochs of `steps` steps, of which `done` epochs are finished already."""

    def step(self) -> None:
        """Count one training step."""

    def epoch(self, record: Record) -> None:
        """Show one epoch's record."""

    def say(self, text: str) -> None:
        """Show what is being done outside the epochs."""

    def stop(self) -> None:
        """Stop showing: the run has ended, however it ended."""


class NoTracker:
    """Sends nothing."""

    def start(self, folder: RunFolder) -> None: ...
    def update(self) -> None: ...
    def finish(self) -> None: ...


class NoProgress:
    """Shows nothing."""

    def start(self, epochs: int, steps: int, done: int) -> None: ...
    def step(self) -> None: ...
    def epoch(self, record: Record) -> None: ...
    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...
