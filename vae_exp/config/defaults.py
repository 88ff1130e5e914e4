"""The values that replace `null`, which a run saves."""

from __future__ import annotations

import dataclasses

from vae_exp.config import Config
from vae_exp.config.optimizer import epochs_of_stages


def fill_defaults(config: Config, threads: int | None = None) -> Config:
    """Replace `null` by numbers: the epochs of the optimizer's stages, and this job's number of threads."""
    trainer = config.trainer
    if trainer.epochs is None and config.optimizer.stages is not None:
        trainer = dataclasses.replace(trainer, epochs=epochs_of_stages(config.optimizer.stages))
    if trainer.threads is None:
        trainer = dataclasses.replace(trainer, threads=threads or _threads_of_torch())
    return dataclasses.replace(config, trainer=trainer)


def _threads_of_torch() -> int:
    import torch  # takes seconds, and a saved configuration has its number

    return torch.get_num_threads()
