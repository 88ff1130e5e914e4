"""Checks and decisions before a run starts. Nothing here creates or changes a file."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psutil

from vae_exp import data
from vae_exp.config import Config
from vae_exp.config.defaults import fill_defaults
from vae_exp.config.identity import as_dict, differences, identity
from vae_exp.data import Splits
from vae_exp.devices import require_device
from vae_exp.errors import UserError
from vae_exp.models import build_model
from vae_exp.models.memory import HEAP, MEASURES, layers_of, without_memory
from vae_exp.objectives import build_objective, first_final_epoch
from vae_exp.storage import room
from vae_exp.storage.kept import require_states
from vae_exp.storage.records import Final, Status, saved_trainer
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A run that has passed every check."""

    config: Config
    """Complete: what `config.yaml` will hold."""
    splits: Splits
    status: Status | None
    """The folder's `status.json` at that time."""
    final: Final | None
    """The result, when the run is already finished."""


def prepare(config: Config, folder: RunFolder, origin: str | None = None) -> Prepared:
    """Check a run and its folder; raise UserError when the run can't start there.

    It can't when data, model and machine don't fit together, or when the folder holds another experiment, more
    epochs or other data. A run that repeats `origin` is not checked against rules that are newer than `origin`.
    """
    splits, status = check(config), folder.read_status()
    if origin is None and _is_new(folder):
        require_final_objective(config)
    config = match_saved(config, folder, splits)
    final = _finished(config, folder)
    if final is None:
        require_states(folder)
        room.require_room(folder.path)
    return Prepared(config, splits, status, final)


def check(config: Config) -> Splits:
    """Load the data; raise UserError when data, model and machine don't fit together."""
    splits = data.load(config.data)
    images = len(splits.train.images)
    if config.trainer.batch_size > images:
        rule = f"at most {images}, the number of training images"
        raise UserError(f"trainer.batch_size must be {rule}, got {config.trainer.batch_size}")
    if "tsne" in config.figures.which and splits.named(config.figures.tsne_split) is None:
        raise UserError(f"figures.tsne_split must be a split that the data has, got {config.figures.tsne_split!r}")
    require_device(config.trainer.device)
    require_memory(config, splits)
    return splits


def keys_of_check(config: Config) -> str:
    """Return what `check` reads of a configuration: another with the same needs no other answer."""
    trainer = config.trainer
    batches = trainer.batch_size, config.evaluation.batch_size
    return repr((config.data, config.model, config.objective, config.figures, batches, trainer.device))


def _is_new(folder: RunFolder) -> bool:
    """Return whether no run and no plan is saved here. What is saved is not checked against newer rules."""
    return folder.read_config() is None and not SweepFolder(folder.path.parent).plan_file.exists()


def require_final_objective(config: Config) -> None:
    """Raise UserError when no epoch has the objective's final weights: there would be no best epoch."""
    first = first_final_epoch(build_objective(config.objective))
    epochs = fill_defaults(config).trainer.epochs or 0
    if first > max(epochs, 1):
        warmup = getattr(config.objective, "warmup_epochs", None)
        key = "objective" if warmup is None else f"objective.warmup_epochs={warmup}"
        raise UserError(f"trainer.epochs must be at least {first}, the first epoch after {key}, got {epochs}")


def require_memory(config: Config, splits: Splits) -> None:
    """Raise UserError when the model doesn't fit the image shape, or training doesn't fit the free memory.

    Nothing is allocated: the model is built and run on the device `meta`.
    """
    try:
        with without_memory():
            needed = HEAP * bytes_of_training(config, splits)
    except NotImplementedError:  # an extension's model that reads values can't run on `meta`
        build_model(config.model, splits.shape, config.seed)
        return
    free = psutil.virtual_memory().available
    if needed > free:
        keys = "model.*, trainer.batch_size, evaluation.batch_size and objective.samples"
        rule = f"fit into the free memory of {free / 2**30:.1f} GiB"
        raise UserError(f"{keys} must {rule}, got {needed / 2**30:.3g} GiB")


def bytes_of_training(config: Config, splits: Splits) -> int:
    """Return the bytes of the tensors that a step of training needs, or the evaluation after an epoch, the larger.

    Weights have a gradient and two averages, as Adam keeps. Evaluation keeps no gradients, but its batches are larger.
    The final measures and figures decode as many points at a time; their images are not counted. Only within
    `without_memory`.
    """
    model = build_model(config.model, splits.shape, config.seed)
    encoder, decoder = layers_of(model, splits.shape)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    samples = config.objective.samples
    step = config.trainer.batch_size * (encoder.kept + samples * decoder.kept)
    evaluated = max((len(split.images) for split in (splits.val, splits.test) if split), default=0)
    batch = min(config.evaluation.batch_size, evaluated)
    evaluation = max(batch * encoder.largest, MEASURES * model.points_at_once * decoder.largest)
    return 4 * weights + max(step, evaluation)


def match_saved(config: Config, folder: RunFolder, splits: Splits) -> Config:
    """Return the complete configuration for this folder, with the number of threads that the folder's run began with.

    Raises UserError, naming the keys, when the folder holds another experiment, more epochs or other data.
    """
    saved = folder.read_config()
    if saved is None:
        return fill_defaults(config)
    trainer = saved_trainer(saved, str(folder.config_file))
    config = fill_defaults(config, trainer.threads)
    if different := differences(identity(saved), identity(as_dict(config))):
        raise UserError(f"{folder.path} holds another experiment ({', '.join(different)}); choose another folder")
    epochs = trainer.epochs
    if (config.trainer.epochs or 0) < epochs:
        raise UserError(f"trainer.epochs must be at least {epochs}, as in {folder.path}, got {config.trainer.epochs}")
    require_same_data(folder, splits)
    folder.records()  # refuse a damaged line now, not after hours of training
    return config


def require_same_data(folder: RunFolder, splits: Splits) -> None:
    """Raise UserError when the folder's run was trained on other images, labels or splits than these."""
    environment = folder.read_environment()
    digest = (environment and environment.data.digest) or splits.digest
    if digest != splits.digest:
        raise UserError(f"{folder.path} was trained on other data (digest {digest[:12]}, here {splits.digest[:12]})")


def _finished(config: Config, folder: RunFolder) -> Final | None:
    """Return the result of a finished run that has all requested epochs; None otherwise."""
    final, epochs = folder.read_final(), config.trainer.epochs or 0
    if folder.state() != "finished" or final is None:  # final.json was deleted: measure again
        return None
    if final.stopped_early and final.epochs < epochs:
        log.warning("%s stopped early after epoch %s and stays as it is", folder.path, final.epochs)
    return final if final.stopped_early or final.epochs >= epochs else None
