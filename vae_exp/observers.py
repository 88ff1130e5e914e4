"""The observers of a run: a tracker sends it to a server, and progress shows it to the user."""

from __future__ import annotations

from typing import Protocol

from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder


class Tracker(Protocol):
    """Sends a run elsewhere. It reads the folder, which is complete even if the tracker fails."""

    def start(self, folder: RunFolder) -> None:
        """Start or continue the run in this folder."""

    def update(self) -> None:
        """Called when the folder has new records."""

    def finish(self) -> None:
        """Called when the run has ended; its state is in the folder."""


class Progress(Protocol):
    """Shows the progress of a run."""

    def start(self, epochs: int, steps: int, done: int) -> None:
        """Start with `epochs` epochs of `steps` steps, of which `done` epochs are finished."""

    def step(self) -> None:
        """Count one training step."""

    def epoch(self, record: Record) -> None:
        """Show one epoch's record."""

    def say(self, text: str) -> None:
        """Show the current activity outside the epochs."""

    def stop(self) -> None:
        """Called when the run has ended, finished or not."""


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
