"""Training: `trainer.*`."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least, one_of, require

KEEP = ("all", "last", "none")
MOST_THREADS = 1024
"""Largest number of threads. Far more than the machine's cores can crash the process."""


@dataclass
class TrainerConfig(Options, group="trainer"):
    """Epochs, batches, device, threads and checkpoints."""

    epochs: int | None = 50
    """Passes over the training images, at least 0. The only key that may grow in an existing folder.
    null uses the length of `optimizer.stages`."""
    batch_size: int = 100
    """Images in a training step; the last step of an epoch may have fewer."""
    patience: int | None = 10
    """Stop when `val/objective` has not improved for this many epochs since the objective has its final weights; null
    never stops early."""
    checkpoint_every: int = 10
    """Epochs between checkpoints that are never deleted, and between samples that are drawn for the tracker."""
    device: str | None = None
    """`cpu`, `cuda`, `cuda:1`, `mps`; null uses a GPU if there is one. Not part of a run's identity."""
    threads: int | None = None
    """CPU threads of torch; null uses this job's share of the cores. The number is fixed for the folder, since it
    changes the bits."""
    compile: bool = False
    """Compile encoder and decoder with torch.compile, which takes up to a minute at the start. On a CPU a step of the
    conv model takes 1.7 times as long; on a GPU it is not measured. Not part of a run's identity."""

    keep: str = "all"
    """The checkpoints that a finished run keeps: `all`; `last`, only the weights `best` and `last`, so it can't get
    more epochs; `none`, so it has no model either. Not part of a run's identity."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs is not None:
            at_least("trainer.epochs", self.epochs, 0)
        at_least("trainer.batch_size", self.batch_size, 1)
        if self.patience is not None:
            at_least("trainer.patience", self.patience, 1)
        at_least("trainer.checkpoint_every", self.checkpoint_every, 1)
        one_of("trainer.keep", self.keep, KEEP)
        if self.threads is not None:
            at_least("trainer.threads", self.threads, 1)
            require(self.threads <= MOST_THREADS, "trainer.threads", f"at most {MOST_THREADS}", self.threads)
