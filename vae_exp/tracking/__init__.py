"""Runs as MLflow shows them: the only room that imports MLflow, and only when there is something to show."""

from __future__ import annotations

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.experiment import NoTracker, Tracker
from vae_exp.tracking.store import callers_store
from vae_exp.tracking.tracker import MlflowTracker

__all__ = ["connect"]


def connect(config: TrackingConfig, label: str, sweep: str | None) -> Tracker:
    """Return the tracker that a configuration asks for; raise UserError when MLFLOW_TRACKING_URI can't be one.

    `label` names the run, `sweep` is the name of its sweep's folder.
    """
    if not isinstance(config, MlflowConfig):
        return NoTracker()
    return MlflowTracker(callers_store(), config.experiment, label, sweep)
