"""Restore the training of a run from its newest valid checkpoint."""

from __future__ import annotations

import logging
from typing import Any

from vae_exp.config import Config
from vae_exp.models import Vae
from vae_exp.storage import metrics
from vae_exp.storage.checkpoint import Damaged
from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder
from vae_exp.training import Training

log = logging.getLogger(__name__)


def restore(training: Training, folder: RunFolder, config: Config) -> Record | None:
    """Restore the newest valid state and return its epoch's record; return None when there is no such state.

    A state is valid when the records before it and its best weights are on the disk too.
    """
    for tensors, state in folder.saved_states(*training.layout(config)):
        if _has_records(folder, state) and _has_best(folder, state, training.model):
            training.load(tensors, state)
            log.info("continuing after epoch %s", training.epoch)
            record: Record = state["record"]
            return record
    return None


def _has_records(folder: RunFolder, state: dict[str, Any]) -> bool:
    """Return whether all records before this state's epoch are on the disk. The state itself holds its own."""
    known, needed = metrics.last_epoch(folder.metrics_file), int(state["epoch"]) - 1
    if known < needed:
        log.warning("%s ends with epoch %s; going back to it", folder.metrics_file, known)
    return known >= needed


def _has_best(folder: RunFolder, state: dict[str, Any], model: Vae) -> bool:
    """Return whether this state's best weights are on the disk, or will be written again by the epochs after it."""
    if state["best_epoch"] == 0:  # nothing was evaluated yet
        return True
    try:
        _, epoch = folder.read_weights("best", model.state_dict())
    except Damaged as error:
        log.warning("%s; going back to before it was written", error)
        return False
    return bool(epoch == state["best_epoch"] or epoch > state["epoch"])
