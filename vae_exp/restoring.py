"""The training of a run as its newest good checkpoint left it."""

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
    """Put the training back to the newest state that is whole; return that epoch's record, None where there is none.

    A state counts when the records before it and its best weights are on the disk too.
    """
    for tensors, state in folder.saved_states(*training.layout(config)):
        if _has_records(folder, state) and _has_best(folder, state, training.model):
            training.load(tensors, state)
            log.info("continuing after epoch %s", training.epoch)
            record: Record = state["record"]
            return record
    return None


def _has_records(folder: RunFolder, state: dict[str, Any]) -> bool:
    """Return whether the records of the epochs before this state's are on the disk; its own is inside it."""
    known, needed = metrics.last_epoch(folder.metrics_file), int(state["epoch"]) - 1
    if known < needed:
        log.warning("%s ends with epoch %s; going back to it", folder.metrics_file, known)
    return known >= needed


def _has_best(folder: RunFolder, state: dict[str, Any], model: Vae) -> bool:
    """Return whether the best weights of this state are on the disk, or are sure to be written again after it."""
    if state["best_epoch"] == 0:  # nothing was evaluated yet
        return True
    try:
        _, epoch = folder.read_weights("best", model.state_dict())
    except Damaged as error:
        log.warning("%s; going back to before it was written", error)
        return False
    return bool(epoch == state["best_epoch"] or epoch > state["epoch"])
