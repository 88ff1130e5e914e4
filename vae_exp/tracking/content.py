"""What is sent of a run folder: parameters, tags, metrics, files and step images. This module only reads."""

from __future__ import annotations

import getpass
import logging
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from vae_exp.config.identity import NOT_IDENTITY, as_dict, format_value, identity
from vae_exp.errors import UserError
from vae_exp.machine.environment import Session
from vae_exp.registry import schemas
from vae_exp.storage import hydra_record
from vae_exp.storage.metrics import Record
from vae_exp.storage.records import BOUNDS
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import names
from vae_exp.tracking.names import Names

log = logging.getLogger(__name__)

CORE = (
    "model.name",
    "model.latent_dim",
    "model.channels",
    "model.hidden",
    "data.name",
    "objective.name",
    "optimizer.name",
    "optimizer.lr",
    "trainer.batch_size",
    "seed",
)
"""The parameters that are sent for every run. More than about ten would hide the pictures in MLflow's image grid."""

NOT_SHOWN = ("evaluation.", "trainer.threads", "trainer.checkpoint_every")

ASIDE = (
    "epochs",
    "importance_samples",
    "importance_images",
    "importance_images_val",
    "index_code_images",
    "index_code_draws",
    "classified_samples",
    "information_images",  # of version 0.1
)
"""Numbers of `final.json` that describe how a measure was computed. They are not sent as metrics: with the standard
errors they would be half of all charts, and the first ones. The file itself is among the artifacts."""

STATUS = {
    "running": "RUNNING",
    "paused": "KILLED",
    "finished": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
"""MLflow's status for each state."""

Point = tuple[str, float, int, int]
"""Key, value, milliseconds since 1970, step."""


def parameters(config: dict[str, Any], overridden: Collection[str] = ()) -> dict[str, str]:
    """Return the parameters of a run: the core keys, and keys of its identity that differ from their defaults.

    So are those that are `overridden`: MLflow's charts leave out a run that lacks what was swept, default or not.
    Evaluation, checkpoints and threads are left out: they don't describe the model.
    """
    flat = identity(config)
    default = identity(_defaults(config))
    changed = {key for key, value in flat.items() if key in overridden or value != default.get(key, value)}
    shown = {key for key in changed if not key.startswith(NOT_SHOWN)}
    order = [key for key in CORE if key in flat] + sorted(shown - set(CORE))
    return {key: format_value(flat[key]) for key in order}


def is_parameter(key: str) -> bool:
    """Say whether a key that a sweep varies is among the parameters of its runs."""
    return not key.startswith((*NOT_IDENTITY, *NOT_SHOWN))


def overridden(folder: RunFolder) -> list[str]:
    """Return the keys that a run was started with; a damaged note of them is logged, and they are not shown."""
    try:
        return hydra_record.overridden(folder)
    except UserError as error:
        log.warning("tracking: %s; what was swept may not be among the parameters", error)
        return []


def _defaults(config: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of a configuration's chosen options."""
    from vae_exp.config import EvaluationConfig, TrainerConfig

    options = {
        group: as_dict(classes[config[group]["name"]]())
        for group, classes in schemas().items()
        if isinstance(config.get(group), dict) and config[group].get("name") in classes
    }
    return {"trainer": as_dict(TrainerConfig()), "evaluation": as_dict(EvaluationConfig()), **options}


def tags(folder: RunFolder, sweep: str | None) -> dict[str, str]:
    """Return the tags by which a run can be found: sweep, folder, command, commit and origin."""
    environment = folder.read_environment()
    session = environment.sessions[-1] if environment and environment.sessions else Session()
    found = {
        "sweep": sweep,
        "folder": str(folder.path.absolute()),
        "origin": environment and environment.origin,
        "command": " ".join(session.command),
        "mlflow.source.name": "vae_exp",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": session.git and session.git.commit,
        "mlflow.user": _user(),
    }
    return {key: str(value) for key, value in found.items() if value}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run as a user without a name
        return None


def points(records: list[Record], called: Names = names.CURRENT) -> list[Point]:
    """Return all metrics of these epochs with their original time stamps.

    Losses come first, seconds last: MLflow's comparison page starts with the first metric that it received.
    """
    return [
        (names.of_epoch(key, called), value, int(record["timestamp"]), int(record["epoch"]))
        for record in records
        for key, value in sorted(record.items(), key=lambda item: (item[0] == "seconds", not item[0].endswith("/loss")))
        if key not in ("epoch", "timestamp")
    ]


def final_points(folder: RunFolder, called: Names = names.CURRENT) -> list[Point]:
    """Return the measures of `final.json` as `measures/…`, at the time when the run finished.

    The name of a measure that is only a bound ends in `_at_least` or `_at_most`.
    """
    final, status = folder.read_final(), folder.read_status()
    if final is None or status is None:
        return []
    numbers = _numbers(final.flat())
    bounds = {key: f"{key}_{side}" for key, side in BOUNDS.items() if final.measures.get(f"{key}_is_bound") is True}
    measures = {
        bounds.get(key, key): value for key, value in numbers.items() if key not in ASIDE and not key.endswith("_se")
    }
    time, step = int(status.time * 1000), names.step_of_measures(final.epochs, called)
    return [(names.of_measure(key, called), value, time, step) for key, value in measures.items()]


def _numbers(nested: dict[str, Any], prefix: str = "") -> dict[str, float]:
    numbers: dict[str, float] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            numbers |= _numbers(value, f"{prefix}{key}/")
        elif type(value) in (int, float) and math.isfinite(value):
            numbers[prefix + key] = float(value)
    return numbers


def first_files(folder: RunFolder) -> dict[str, Path]:
    """Return the files that are sent when a run starts, by their paths among the artifacts."""
    return _present({file.name: file for file in (folder.config_file, folder.environment_file)})


def last_files(folder: RunFolder) -> dict[str, Path]:
    """Return the files that are sent when a run has ended. Figures are at the root, for MLflow's comparison page."""
    single = (folder.status_file, folder.metrics_file, folder.final_file, folder.log_file)
    named = {file.name: file for file in single}
    for kind in ("png", "pdf"):
        named |= {file.name: file for file in sorted(folder.figures.glob(f"*.{kind}"))}
    named |= {f"checkpoints/{file.name}": file for file in sorted(folder.checkpoints.glob("*.safetensors"))}
    return first_files(folder) | _present(named)


def step_images(folder: RunFolder) -> dict[int, Path]:
    """Return the samples drawn during training, by epoch."""
    steps = folder.figures / "steps"
    found = {file: re.fullmatch(r"epoch_(\d{1,9})\.png", file.name) for file in sorted(steps.glob("epoch_*.png"))}
    return {int(name[1]): file for file, name in found.items() if name and _present({"": file})}


def _present(named: dict[str, Path]) -> dict[str, Path]:
    """Leave out what is not a regular file: a link in an untrusted folder could point to any file of this machine."""
    return {name: file for name, file in named.items() if file.is_file() and not file.is_symlink()}
