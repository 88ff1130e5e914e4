"""The disk space that a sweep needs, computed from its configurations before the first job starts.

Checkpoints, most of it, are counted by the tensors in them; pictures by what those of the default sweep take. A run
that stops early leaves less. MLflow's store is not counted: it may lie elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.filesize import decimal
from torch import Tensor

from vae_exp import data
from vae_exp.config import Config
from vae_exp.config.saved import load_config
from vae_exp.data import Splits
from vae_exp.errors import UserError
from vae_exp.evaluation import CODES
from vae_exp.models import Vae, build_model
from vae_exp.models.memory import without_memory
from vae_exp.models.vae import Shape
from vae_exp.objectives import PARTS
from vae_exp.optimizers import optimizer_layout
from vae_exp.storage.room import free_bytes
from vae_exp.storage.sweep_folder import Job, SweepFolder

BLOCK = 4096
"""The least size of a file on the disk in bytes, and the step in which it grows."""
SMALL = 10
"""Files and folders of a run that take a block each, whatever is trained."""
LOG_LINE = 120
"""Bytes that `run.log` gets in an epoch."""
TENSOR, HEAD = 128, 1024
"""Bytes of a checkpoint's header for each tensor, and for all else."""
PICTURE, STEP = 112 * 2**10, 48 * 2**10
"""Bytes of a figure, and of the samples that are drawn between two epochs."""
LINE = 512
"""Bytes of a job's line in the plan besides its configuration."""
REPORT, LARGEST_REPORT = 2**16, 8_000_000
"""Bytes of the report for each run, and the most for all."""


@dataclass(frozen=True)
class Size:
    """Bytes of one run on the disk."""

    left: int
    """When it is over, or paused."""
    most: int
    """While it trains: full states that will be removed, and one that is being written."""


def require_room(sweep: SweepFolder, jobs: Sequence[Job]) -> str:
    """Return in a sentence how much the unfinished jobs will write; raise UserError when it doesn't fit.

    The empty string where all are finished. Makes and changes nothing.
    """
    missing = [job for job in jobs if sweep.needs_run(job)]
    needed, free = bytes_of(sweep, missing), free_bytes(sweep.path)
    what = f"{len(missing)} job{'s' * (len(missing) != 1)} will write about {decimal(needed)}"
    if needed > free:
        fewer = "make room, or give trainer.keep=last, a larger trainer.checkpoint_every or fewer trainer.epochs"
        raise UserError(f"{sweep.path}: {what}, and its disk has {decimal(free)} free; {fewer}")
    return f"{what}; {decimal(free)} are free" if missing else ""


def bytes_of(sweep: SweepFolder, jobs: Sequence[Job]) -> int:
    """Return the number of bytes that these jobs will still write, with plan and report.

    Jobs of one shape are counted once, so a thousand cost milliseconds.
    """
    known: dict[str, Size] = {}
    sizes = [known.get(key := _key(job)) or known.setdefault(key, _size_of(job)) for job in jobs]
    left = sum(max(0, each.left - _written(sweep, job)) for each, job in zip(sizes, jobs, strict=True))
    working = max(
        (each.most - each.left for each in sizes), default=0
    )  # of one job: the number of parallel jobs may change
    plan = sum(len(json.dumps(job.config)) + LINE for job in jobs)
    return left + working + plan + min(REPORT * len(jobs), LARGEST_REPORT)


def _key(job: Job) -> str:
    """Return a key of a job's configuration that determines the size of its run."""
    without = {key: value for key, value in job.config.items() if key not in ("seed", "tracking", "objective")}
    without["optimizer"] = without["optimizer"] | {"lr": None}
    return repr((without, job.until))


def _size_of(job: Job) -> Size:
    config = load_config(job.config, f"{job.name}: its plan")
    return size(config, data.load(config.data), job.until)


def size(config: Config, splits: Splits, until: int | None = None) -> Size:
    """Return the bytes of a run that trains all its epochs, or pauses after epoch `until`."""
    planned, every = config.trainer.epochs or 0, config.trainer.checkpoint_every
    epochs = planned if until is None else min(until, planned)
    weights, state = _checkpoint_bytes(config, splits.shape)
    states = epochs // every + sum(epoch > 0 and epoch % every > 0 for epoch in (epochs - 1, epochs))
    other = SMALL * BLOCK + _metrics(config, splits, epochs) + _codes(config, splits) + _pictures(config, epochs)
    most = (states + (states > 0)) * state + 2 * weights + other
    if epochs < planned:
        return Size(states * state + weights + other, most)
    kept = {"all": states * state + 2 * weights, "last": 2 * weights, "none": 0}[config.trainer.keep]
    return Size(kept + other, most)


def _checkpoint_bytes(config: Config, shape: Shape) -> tuple[int, int]:
    """Return the bytes of a file of weights, and of one with a full state."""
    model = _model(config, shape)
    weights = model.state_dict()
    optimizer = optimizer_layout(config.optimizer, list(model.parameters()))
    return _file(weights.values()), _file([*weights.values(), *optimizer.values()])


def _model(config: Config, shape: Shape) -> Vae:
    """Return the model on the device `meta`, if it can be built there."""
    try:
        with without_memory():
            return build_model(config.model, shape, config.seed)
    except NotImplementedError:  # the model of an extension
        return build_model(config.model, shape, config.seed)


def _file(tensors: Iterable[Tensor]) -> int:
    sizes = [tensor.numel() * tensor.element_size() + TENSOR for tensor in tensors]
    return _blocks(HEAD + sum(sizes))


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _metrics(config: Config, splits: Splits, epochs: int) -> int:
    """Return the bytes of `metrics.jsonl` and `run.log`."""
    evaluated = [name for name in ("val", "test") if splits.named(name) is not None]
    trained = _line(["train"]) + LOG_LINE
    return _blocks(epochs * trained) + _blocks(epochs // config.evaluation.every * (_line(evaluated) - _line([])))


def _line(splits: Sequence[str]) -> int:
    """Return the bytes of an epoch's record with the metrics of these splits."""
    record: dict[str, Any] = {"epoch": 100, "timestamp": 1_700_000_000_000, "seconds": 10.123}
    return len(json.dumps(record | {f"{split}/{part}": 100 / 7 for split in splits for part in PARTS})) + 1


def _codes(config: Config, splits: Splits) -> int:
    split = splits.named(splits.measured_on)
    images = 0 if split is None else min(CODES, len(split.images))
    return _blocks(images * (2 * 4 * config.model.latent_dim + 8) + HEAD)


def _pictures(config: Config, epochs: int) -> int:
    """Return the bytes of the final figures, if the run gets that far, and of the samples during training."""
    figures, every = config.figures, config.trainer.checkpoint_every
    steps = len({0, min(epochs, 1)} - {every}) + epochs // every if "samples" in figures.which else 0
    is_over = epochs == config.trainer.epochs
    return steps * STEP + is_over * len(figures.which) * len(figures.format) * PICTURE


def _written(sweep: SweepFolder, job: Job) -> int:
    """Return the bytes that a job's folder already has."""
    folder = sweep.folder(job).path
    return sum(file.lstat().st_size for file in folder.rglob("*")) if folder.exists() else 0
