"""Send runs to MLflow. No other package imports MLflow, and this one only when there is something to send."""

from __future__ import annotations

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.observers import NoTracker, Tracker
from vae_exp.tracking.download import fetch_model, fetch_run
from vae_exp.tracking.links import view_commands
from vae_exp.tracking.reconciling import reconcile
from vae_exp.tracking.run_tags import set_tags
from vae_exp.tracking.store import configured_store
from vae_exp.tracking.sweep_run import Outcome, show_sweep
from vae_exp.tracking.sweep_view import renew_view
from vae_exp.tracking.tracker import MlflowTracker

__all__ = [
    "Outcome",
    "connect",
    "fetch_model",
    "fetch_run",
    "has_sent",
    "view_commands",
    "reconcile",
    "renew_view",
    "set_tags",
    "show_sweep",
]


def connect(config: TrackingConfig, label: str, sweep: str | None) -> Tracker:
    """Return the tracker of a configuration; raise UserError when MLFLOW_TRACKING_URI is invalid.

    `label` names the run, `sweep` is the name of its sweep's folder.
    """
    if not isinstance(config, MlflowConfig):
        return NoTracker()
    return MlflowTracker(configured_store(), config.experiment, label, sweep)


def has_sent(tracker: Tracker) -> bool:
    """Return whether a tracker has sent a run, or reported what it could not send."""
    return isinstance(tracker, MlflowTracker) and tracker.thread is not None
