"""A run read back from its folder, or from MLflow: its model, configuration and metrics."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vae_exp import compose
from vae_exp.checkpoint import Tensors
from vae_exp.config import Config
from vae_exp.errors import UserError
from vae_exp.models import build_model
from vae_exp.models.vae import Shape, Vae
from vae_exp.records import Record
from vae_exp.run_folder import RunFolder

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
        weights, _ = folder.read_weights("best")
        model = _fill(config, _image_shape(folder), weights, folder.weights_file("best"))
        return LoadedRun(model, config, folder.records(), folder.read_final())


@contextlib.contextmanager
def opened(run: str | Path) -> Iterator[RunFolder]:
    """Give the folder of a run; that of an MLflow run is downloaded and lasts as long as the context."""
    name = re.fullmatch(MLFLOW_ID, str(run))
    if name is None or Path(run).is_dir():
        yield RunFolder(Path(run))
        return
    from vae_exp.tracking import fetch_run  # MLflow takes seconds that a folder doesn't need

    with tempfile.TemporaryDirectory(prefix="vae_exp_") as folder:
        fetch_run(name[1], Path(folder))
        yield RunFolder(Path(folder))


def read_config(folder: RunFolder) -> Config:
    """Return a run's configuration in the typed schema; raise UserError when the folder holds none, or a bad one."""
    saved = folder.read_config()
    if saved is None:
        raise UserError(f"{folder.path} is no run: it has no {folder.config_file.name}")
    return compose.load(saved, str(folder.config_file))


def require_finished(folder: RunFolder, way_on: str) -> None:
    """Raise UserError, saying `way_on`, unless the run is finished."""
    read_config(folder)  # what is no run has no state
    if (state := folder.state()) != "finished":
        raise UserError(f"{folder.path} must be a finished run, got one that is {state}; {way_on}")


def _image_shape(folder: RunFolder) -> Shape:
    """Return channels, height and width of the images that the run was trained on."""
    data = folder.read_environment().get("data")
    shape = data.get("image_shape") if isinstance(data, dict) else None
    if not isinstance(shape, list) or len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
        raise UserError(f"{folder.environment_file}: data.image_shape must be three numbers above 0, got {shape!r}")
    return shape[0], shape[1], shape[2]


def _fill(config: Config, shape: Shape, weights: Tensors, file: Path) -> Vae:
    """Return the model of a configuration with these weights; raise UserError, naming their file, unless they fit.

    A stranger's configuration may describe a model of any size. The weights are here already: only when all their
    shapes are the model's is memory taken for it.
    """
    try:
        with torch.device("meta"):
            expected = build_model(config.model, shape, config.seed).state_dict()
    except RuntimeError as error:  # a size that overflows
        raise UserError(f"{file} does not fit the configuration: {str(error).splitlines()[0]}") from None
    for name in sorted(expected.keys() | weights.keys()):
        wanted, found = (list(t[name].shape) if name in t else None for t in (expected, weights))
        if wanted != found:
            raise UserError(f"{file} does not fit the configuration: {name} must be {wanted}, got {found}")
    model = build_model(config.model, shape, config.seed)
    model.load_state_dict(weights)
    model.eval().requires_grad_(False)
    return model
