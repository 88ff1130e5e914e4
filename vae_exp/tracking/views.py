"""Saved views of MLflow's charts page: tags of an experiment, which a link opens. A user's views are not changed."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vae_exp.tracking import charts
from vae_exp.tracking.messages import reason
from vae_exp.tracking.receipts import Receipt

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

TAG = "mlflow.sharedViewState."
OF_EXPERIMENT = "vae_exp_experiment"
OF_SWEEP = "vae_exp_sweep_"
MOST_SWEEPS = 20
"""Views of sweeps that an experiment keeps, the newest."""


def keep_experiment(client: MlflowClient, experiment_id: str) -> str | None:
    """Write an experiment's view unless it is there already; return its key, None if that failed."""
    return _keep(client, experiment_id, OF_EXPERIMENT, "vae_exp: all runs", charts.state())


def keep_sweep(client: MlflowClient, experiment_id: str, receipt: Receipt, state: str) -> str | None:
    """Write the view of the sweep that a receipt is of, and delete those that are too many; return its key as above."""
    return _keep(client, experiment_id, OF_SWEEP + receipt.token, f"vae_exp: {receipt.label}", state)


def _keep(client: MlflowClient, experiment_id: str, key: str, name: str, state: str) -> str | None:
    try:
        tags = client.get_experiment(experiment_id).tags
        found = _ours(tags[TAG + key]) if TAG + key in tags else {}
        if found is not None and found.get("state") != state:
            now = int(time.time() * 1000)
            tags[TAG + key] = json.dumps({"name": name, "createdAt": now, "updatedAt": now, "state": state})
            client.set_experiment_tag(experiment_id, TAG + key, tags[TAG + key])
            for old in _too_many(tags):
                client.delete_experiment_tag(experiment_id, old)
    except Exception as error:  # whatever a server answers: a run must not fail because of charts
        log.warning("tracking: MLflow has no view of the charts: %s", reason(error))
        return None
    return key


def _too_many(tags: Mapping[str, str]) -> list[str]:
    """Return the tags of sweeps' views beyond the newest."""
    ours = {tag: view for tag, text in tags.items() if tag.startswith(TAG + OF_SWEEP) and (view := _ours(text))}
    return sorted(ours, key=lambda tag: ours[tag]["createdAt"], reverse=True)[MOST_SWEEPS:]


def _ours(text: str) -> dict[str, Any] | None:
    """Return a view that is unchanged since it was written here; None if a user has changed it."""
    try:
        view = json.loads(text)
        return view if isinstance(view["createdAt"], int) and view["createdAt"] == view["updatedAt"] else None
    except (ValueError, KeyError, TypeError):
        return None
