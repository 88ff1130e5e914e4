"""The saved view of a sweep: written when it ends, and again when its report is made later."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import charts, content, receipts, views
from vae_exp.tracking.messages import probe, reason
from vae_exp.tracking.receipts import Receipt
from vae_exp.tracking.store import Store, be_quick, configured_store, import_client
from vae_exp.tracking.waiting import call_with_timeout

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)


def keep_view(
    client: MlflowClient,
    store: Store,
    receipt: Receipt,
    folders: Iterable[RunFolder],
    swept: Sequence[str],
    measure: str,
) -> str | None:
    """Write the view of the charts of a sweep's runs; return its key, None if no run is shown yet.

    `receipt` is the sweep's; `swept` and `measure` are those of `Outcome`.
    """
    found = [(receipts.read(folder.path).get(store.shown), folder) for folder in folders]
    shown = [(each, folder) for each, folder in found if each and each.run_id]
    if not shown:
        return None
    parameters = [key for key in swept if content.is_parameter(key)]
    drawn = [max(images) for _, folder in shown if (images := content.step_images(folder))]
    called = max(each.names for each, _ in shown)
    state = charts.state(parameters, measure, receipt.label, min(drawn, default=0), called)
    return views.keep_sweep(client, str(shown[0][0].experiment_id), receipt, state)


def renew_view(
    config: TrackingConfig, sweep: Path, folders: Iterable[RunFolder], swept: Sequence[str], measure: str
) -> None:
    """Write the view of a sweep again if MLflow no longer has it, since only the newest are kept.

    If that fails, the sweep's receipt names no view, so that no link leads to a missing one. Does nothing for a sweep
    without a view, or whose server can't be reached.
    """
    store = configured_store() if isinstance(config, MlflowConfig) else None
    receipt = receipts.find(sweep, store.shown) if store else None
    if store is None or receipt is None or receipt.view is None:
        return
    be_quick()
    try:
        probe(store)
        client = import_client()(tracking_uri=store.uri)
        receipt.view = call_with_timeout(lambda _: keep_view(client, store, receipt, folders, swept, measure))
        receipts.write(sweep, store.shown, receipt)
    except Exception as error:  # whatever a server answers: a table must not fail because of charts
        log.warning("tracking: the view of %s was not checked: %s", sweep, reason(error))
