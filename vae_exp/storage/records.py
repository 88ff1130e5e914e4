"""What the files of a run folder must hold, so that nobody fails on what a stranger, or a bad disk, wrote into them.

Each dictionary gives the keys that a reader relies on, with the types of their values; a file may hold more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vae_exp.errors import UserError
from vae_exp.storage import metrics
from vae_exp.storage.checkpoint import Damaged
from vae_exp.storage.files import NONE, NUMBER, Types

STATUS: dict[str, Types] = {
    "state": (str,),
    "error": (str, NONE),
    "time": NUMBER,
    "host": (str,),
    "pid": (int,),
    "process_started": (*NUMBER, NONE),
}
"""`status.json`"""

ENVIRONMENT: dict[str, Types] = {"data": (dict,), "origin": (str, NONE), "sessions": (list,)}
"""`environment.json`"""

FINAL: dict[str, Types] = {"epochs": (int,), "best_epoch": (int,), "stopped_early": (bool,), "seconds": NUMBER}
"""`final.json`"""

WEIGHTS: dict[str, Types] = {"epoch": (int,)}
"""The state beside the weights of `best.safetensors` and `last.safetensors`."""

CODES: dict[str, Types] = {"split": (str,), "epoch": (int,)}
"""The state beside the tensors of `codes.safetensors`."""

TRAINING: dict[str, Types] = {
    "epoch": (int,),
    "best_epoch": (int,),
    "best_objective": (*NUMBER, NONE),
    "record": (dict,),
}
"""The state beside the tensors of `epoch_0010.safetensors`."""


def require_training(state: dict[str, Any], epoch: int, path: Path) -> None:
    """Raise Damaged unless the state of a checkpoint is of its file's epoch, with that epoch's record."""
    if state["epoch"] != epoch or not 0 <= state["best_epoch"] <= epoch:
        raise Damaged(f"{path} must be of epoch {epoch}, got {state['epoch']}, with the best at {state['best_epoch']}")
    try:
        metrics.require_record(state["record"], f"{path}: its record", epoch)
    except UserError as error:
        raise Damaged(str(error)) from None
