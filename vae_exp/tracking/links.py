"""The command and the link that open runs in MLflow."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.charts import sweep_filter
from vae_exp.tracking.store import configured_store

PORT = 5000
"""Where `mlflow ui` listens by default."""


def view_commands(config: TrackingConfig, folders: Sequence[RunFolder], sweep: Path | None) -> list[str]:
    """Return the lines to print at the end: the command that starts MLflow, and the link to these runs' charts.

    `sweep` is the folder of their sweep; None links all runs of the experiment. Empty when nothing was sent.
    """
    if not isinstance(config, MlflowConfig):
        return []
    store = configured_store()
    shown = next((receipt for folder in folders if (receipt := receipts.find(folder.path, store.shown))), None)
    if shown is None or shown.experiment_id is None:
        return []
    linked = shown if sweep is None else receipts.find(sweep, store.shown)
    view, name = linked.view if linked else None, sweep.absolute().name if sweep else None
    if store.is_server:
        return [charts_page(store.shown, shown.experiment_id, name, view)]
    return [
        f"mlflow ui --backend-store-uri {shlex.quote(store.shown)} --port {PORT}",
        charts_page(f"http://127.0.0.1:{PORT}", shown.experiment_id, name, view),
    ]


def charts_page(base: str, experiment_id: str, sweep: str | None, view: str | None) -> str:
    """Return the address of the charts of an experiment's runs, or of those of one sweep, as a saved view has them.

    A view brings its own search; with a second one in the link the page would ignore the view.
    """
    query = "workflowType=machine_learning&compareRunsMode=CHART"
    if view is not None:
        query += f"&viewStateShareKey={quote(view, safe='')}"
    elif sweep is not None:
        query = f"searchFilter={quote(sweep_filter(sweep), safe='')}&{query}"
    return f"{base}/#/experiments/{quote(experiment_id, safe='')}/runs?{query}"
