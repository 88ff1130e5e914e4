"""The colours of a small sweep's runs in MLflow's charts, since MLflow's own can be nearly alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.copies import find
from vae_exp.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

COLOUR = "mlflow.runColor"
"""The tag in which MLflow's page keeps the colour that its user chose for a run."""


def colour_runs(client: MlflowClient, store: Store, folders: Sequence[RunFolder], answered: Callable[[], None]) -> None:
    """Give each run of a sweep a colour of its own, unless it has one already.

    More runs than there are `CATEGORIES` keep MLflow's colours. `answered` is called after each run.
    """
    from vae_exp.figures.colours import CATEGORIES  # imports matplotlib, which other commands do without

    if len(folders) > len(CATEGORIES):
        return
    for shade, folder in zip(CATEGORIES, folders, strict=False):
        receipt = receipts.read(folder.path).get(store.shown)
        if receipt is None or receipt.run_id is None:
            continue
        run = find(client, receipt)
        if run is not None and COLOUR not in run.data.tags:
            client.set_tag(run.info.run_id, COLOUR, shade.light, synchronous=True)
        answered()
