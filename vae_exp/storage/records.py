"""The records in the files of a run folder. Unknown keys are ignored: a later version may have written them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from vae_exp.errors import UserError
from vae_exp.machine.environment import Session
from vae_exp.machine.process import Process
from vae_exp.storage import metrics
from vae_exp.storage.checkpoint import Damaged
from vae_exp.storage.files import as_record

State = Literal["planned", "running", "paused", "finished", "failed", "interrupted"]
"""`paused`: a run of a search stopped at a rung, and can continue. It has no final measures yet."""


class Status(Process, frozen=True):
    """`status.json`: the state of a run, and the process that wrote it."""

    state: State
    error: str | None
    """Why it failed or was interrupted, in one line."""
    time: float
    """When it was written, in seconds since 1970."""
    until: int | None = None
    """The epoch after which it paused; None unless it is paused."""
    diverged: bool = False
    """Whether it failed because its loss became NaN or infinite. Training it again gives the same."""


class Data(msgspec.Struct, frozen=True):
    """The images that a run was trained on."""

    digest: str | None = None
    """SHA-256 of all splits' images and labels."""
    image_shape: list[int] = []
    """Channels, height and width, in pixels."""
    images: dict[str, int] = {}
    """Number of images of each split; empty for a run of version 0.1, which didn't save it."""
    classes: int | None = None
    """Number of distinct labels; None without labels, and for a run of version 0.1."""


class Environment(msgspec.Struct, frozen=True):
    """`environment.json`: on which data a run was trained, where, and with what."""

    data: Data
    origin: str | None
    """The run that this one reproduces or was derived from."""
    sessions: list[Session]
    """One for each start, in order."""


class Final(msgspec.Struct, frozen=True):
    """`final.json`: how the training ended, and the measures of the best weights."""

    epochs: int
    best_epoch: int
    stopped_early: bool
    seconds: float
    """Time of all epochs."""
    measures: dict[str, Any]
    """By name: all other keys of the file."""

    def flat(self) -> dict[str, Any]:
        """Return everything by name, as the file holds it."""
        return {key: getattr(self, key) for key in _ENDING} | self.measures


BOUNDS = {"index_code_mutual_information": "at_least", "marginal_kl_to_prior": "at_most"}
"""Measures of `final.json` that are bounds on this side where `<name>_is_bound` is true."""

_ENDING = ("epochs", "best_epoch", "stopped_early", "seconds")


def parse_final(content: dict[str, Any], where: str) -> Final:
    """Convert plain data to the record; raise UserError when it is invalid."""
    ending = {key: content[key] for key in _ENDING if key in content}
    measures = {key: value for key, value in content.items() if key not in _ENDING}
    return as_record(ending | {"measures": measures}, Final, where)


class Weights(msgspec.Struct, frozen=True):
    """The state beside the weights of `best.safetensors` and `last.safetensors`."""

    epoch: int


class Codes(msgspec.Struct, frozen=True):
    """The state beside the tensors of `codes.safetensors`."""

    split: str
    epoch: int
    classes: list[str] | None = None
    """Name of each label, where labels have names."""


class Training(msgspec.Struct, frozen=True):
    """The state beside the tensors of `epoch_0010.safetensors`."""

    epoch: int
    best_epoch: int
    best_objective: float | None
    record: dict[str, int | float]


class Trainer(msgspec.Struct, frozen=True):
    """The keys of a saved configuration that are needed before it is loaded: `trainer.epochs` and `.threads`."""

    epochs: int
    threads: int


class _Saved(msgspec.Struct, frozen=True):
    trainer: Trainer


def saved_trainer(config: dict[str, Any], where: str) -> Trainer:
    """Return epochs and threads of a saved configuration; raise UserError when they are not integers."""
    return as_record(config, _Saved, where).trainer


def require_training(state: dict[str, Any], epoch: int, path: Path) -> None:
    """Raise Damaged unless the state of a checkpoint is of its file's epoch, with that epoch's record."""
    if state["epoch"] != epoch or not 0 <= state["best_epoch"] <= epoch:
        raise Damaged(f"{path} must be of epoch {epoch}, got {state['epoch']}, with the best at {state['best_epoch']}")
    try:
        metrics.require_record(state["record"], f"{path}: its record", epoch)
    except UserError as error:
        raise Damaged(str(error)) from None
