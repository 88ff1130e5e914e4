"""The progress of one run, from what it has written so far."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.machine import process
from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder

LATEST = 5
"""Number of latest epochs whose mean duration predicts the remaining time."""


@dataclass(frozen=True)
class Progress:
    """A run or planned job at the time when its files were read."""

    label: str
    folder: RunFolder
    state: str
    error: str | None
    epoch: int
    """Finished epochs."""
    epochs: int
    """Planned epochs."""
    val_loss: float | None
    """`val/loss` of the last evaluated epoch, in nats per image."""
    best_loss: float | None
    """The lowest `val/loss` so far."""
    best_epoch: int | None
    seconds: float | None
    """Mean duration of the latest epochs; None before the first."""
    host: str | None
    is_here: bool
    """Whether it ran, or runs, on this host."""
    updated: float | None
    """When the last epoch ended, in seconds since 1970."""

    @property
    def is_running(self) -> bool:
        """Return whether a process is working on it, as far as this host can tell."""
        return self.state == "running"

    @property
    def seconds_left(self) -> float | None:
        """Return the expected time of the remaining epochs; None before the first epoch has ended."""
        return None if self.seconds is None else self.seconds * max(0, self.epochs - self.epoch)


def read(folder: RunFolder, label: str, epochs: int) -> Progress:
    """Return the progress of a run; raise UserError, naming the file, when one is damaged."""
    status, records = folder.read_status(), folder.records()
    evaluated = [record for record in records if "val/loss" in record]
    best = min(evaluated, key=lambda record: record["val/loss"], default=None)
    latest = records[-LATEST:]
    return Progress(
        label=label,
        folder=folder,
        state=_state(folder),
        error=status.error if status else None,
        epoch=len(records),
        epochs=epochs,
        val_loss=evaluated[-1]["val/loss"] if evaluated else None,
        best_loss=best["val/loss"] if best else None,
        best_epoch=int(best["epoch"]) if best else None,
        seconds=_mean_duration(latest),
        host=status.host if status else None,
        is_here=status is not None and process.is_here(status),
        updated=records[-1]["timestamp"] / 1000 if records else None,
    )


def _state(folder: RunFolder) -> str:
    """Return the saved state, or `interrupted` when its process on this host has ended.

    `RunFolder.state` also tries the lock of a run on another host, which this module must not.
    """
    status = folder.read_status()
    if status is None:
        return "planned"
    is_gone = status.state == "running" and process.is_here(status) and not process.is_alive(status)
    return "interrupted" if is_gone else status.state


def _mean_duration(records: list[Record]) -> float | None:
    return sum(record["seconds"] for record in records) / len(records) if records else None
