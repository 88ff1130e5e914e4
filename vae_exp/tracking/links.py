"""The command and the link that open runs in MLflow."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import quote

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.store import Store, configured_store

PORT = 5000
"""Where `mlflow ui` listens by default."""


def how_to_look(config: TrackingConfig, folders: Sequence[RunFolder], sweep: str | None) -> list[str]:
    """Return the lines to print at the end: the command that starts MLflow, and the link to these runs' charts.

    `sweep` is the name of the sweep's folder; None links all runs of the experiment. Empty when nothing was sent.
    """
    if not isinstance(config, MlflowConfig):
        return []
    store = configured_store()
    number = next((number for folder in folders if (number := _experiment_id(folder, store))), None)
    if number is None:
        return []
    if store.is_server:
        return [charts(store.shown, number, sweep)]
    return [
        f"mlflow ui --backend-store-uri {shlex.quote(store.shown)} --port {PORT}",
        charts(f"http://127.0.0.1:{PORT}", number, sweep),
    ]


def _experiment_id(folder: RunFolder, store: Store) -> str | None:
    try:
        receipt = receipts.read(folder.path).get(store.shown)
    except UserError:
        return None
    return receipt.experiment_id if receipt else None


def charts(base: str, experiment_id: str, sweep: str | None) -> str:
    """Return the address of the charts of an experiment's runs, or of those of one sweep."""
    query = "workflowType=machine_learning&compareRunsMode=CHART"
    if sweep is not None:
        wanted = sweep.replace("'", "")
        query = "searchFilter=" + quote(f"tags.sweep = '{wanted}'", safe="") + "&" + query
    return f"{base}/#/experiments/{quote(experiment_id, safe='')}/runs?{query}"
