"""Where runs are sent: `tracking.*`."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.config.options import Options
from vae_exp.config.rules import require
from vae_exp.registry import schema


@dataclass
class TrackingConfig(Options, group="tracking"):
    """Where runs are sent. Not part of a run's identity."""

    name: str = ""
    """`mlflow` or `none`."""


@schema("tracking", "mlflow")
@dataclass
class MlflowConfig(TrackingConfig):
    """MLflow, in `mlflow.db` of the folder where the command was started, or at MLFLOW_TRACKING_URI."""

    name: str = "mlflow"
    experiment: str = "vae_exp"
    """Name of the MLflow experiment."""
    model: bool = True
    """Log the best weights of a finished run as an MLflow model, which `mlflow.pyfunc.load_model` loads and
    `mlflow models serve` serves."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.experiment.strip()), "tracking.experiment", "a name", self.experiment)


@schema("tracking", "none")
@dataclass
class NoTrackingConfig(TrackingConfig):
    """No tracking: only the run folder."""

    name: str = "none"
