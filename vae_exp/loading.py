"""A run read back from its folder, or from MLflow: its model, configuration and metrics."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_exp.config import Config
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError, short
from vae_exp.models import build_model
from vae_exp.models.vae import Shape, Vae
from vae_exp.preparation import without_memory
from vae_exp.storage.checkpoint import Tensors
from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import fetch_run

MLFLOW_ID = r"(?:runs:/)?([0-9a-f]{32})"
"""How a run of MLflow is named, instead of a folder."""


@dataclass(frozen=True)
class LoadedRun:
    """What a run left behind."""

    model: Vae
    """The model with its best weights, on the CPU, in evaluation mode; its parameters ask for no gradients."""
    config: Config
    """The complete configuration."""
    metrics: list[Record]
    """One record an epoch: `epoch`, `train/loss` …, in nats. `pandas.DataFrame(run.metrics)` makes them a table."""
    final: dict[str, Any]
    """The measures on the best weights, by name; empty when the run is unfinished."""


def load_run(run: str | Path, allow_unfinished: bool = False) -> LoadedRun:
    """Return the run of a folder, or of MLflow where `run` is `runs:/<id>` or the id alone.

    The data set is not needed. Raises UserError when there is no such run, a file of it is damaged or doesn't fit the
    others, or the run is unfinished; with `allow_unfinished` its best weights so far are taken.
    """
    with opened(run) as folder:
        if not allow_unfinished:
            require_finished(folder, "give allow_unfinished=True to load its best weights so far")
        config = read_config(folder)
        final = folder.read_final()
        return LoadedRun(_best_model(folder, config), config, folder.records(), final.flat() if final else {})


@contextlib.contextmanager
def opened(run: str | Path) -> Iterator[RunFolder]:
    """Give the folder of a run; that of an MLflow run is downloaded and lasts as long as the context."""
    run_id = _mlflow_id(run)
    if run_id is None:
        yield RunFolder(Path(run))
        return
    with tempfile.TemporaryDirectory(prefix="vae_exp_") as folder:
        yield RunFolder(fetch_run(run_id, Path(folder)))


def whole_name(run: str | Path) -> str:
    """Return how a run is named from anywhere: `runs:/<id>`, or the absolute path of its folder."""
    run_id = _mlflow_id(run)
    return f"runs:/{run_id}" if run_id else str(Path(run).absolute())


def _mlflow_id(run: str | Path) -> str | None:
    name = re.fullmatch(MLFLOW_ID, str(run))
    return name[1] if name and not Path(run).is_dir() else None


def read_config(folder: RunFolder) -> Config:
    """Return a run's configuration in the typed schema; raise UserError when the folder holds none, or a bad one."""
    saved = folder.read_config()
    if saved is None:
        raise UserError(f"{folder.path} is no run: it has no {folder.config_file.name}")
    return load_config(saved, str(folder.config_file))


def require_finished(folder: RunFolder, way_on: str) -> None:
    """Raise UserError, saying `way_on`, unless the run is finished."""
    read_config(folder)  # what is no run has no state
    if (state := folder.state()) != "finished":
        raise UserError(f"{folder.path} must be a finished run, got one that is {state}; {way_on}")


def _image_shape(folder: RunFolder) -> Shape:
    """Return channels, height and width of the images that the run was trained on."""
    environment = folder.read_environment()
    shape = environment.data.image_shape if environment else []
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(
            f"{folder.environment_file}: data.image_shape must be three numbers above 0, got {short(shape)}"
        )
    return shape[0], shape[1], shape[2]


def _best_model(folder: RunFolder, config: Config) -> Vae:
    """Return the model with its best weights; raise UserError, naming the file, unless they fit the configuration.

    A stranger's configuration may describe a model of any size. Memory for it is taken only when the weights, which
    are here already, have its shapes.
    """
    shape = _image_shape(folder)
    weights, _ = folder.read_weights("best", _expected(config, shape, folder.config_file))
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise UserError(f"{folder.weights_file('best')}: {name!a} must hold finite numbers, got NaN or infinity")
    model = build_model(config.model, shape, config.seed)
    model.load_state_dict(weights)
    model.eval().requires_grad_(False)
    return model


def _expected(config: Config, shape: Shape, file: Path) -> Tensors | None:
    """Return the model's weights without their memory; None where an extension's model can't be built like that."""
    try:
        with without_memory(f"{file}: "):
            return build_model(config.model, shape, config.seed).state_dict()
    except NotImplementedError:
        return None
