"""The options of a search, `hydra.sweeper.*`. Imports nothing heavy: Hydra imports this module at every start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vae_exp.config.rules import at_least, one_of, require
from vae_exp.searching.rungs import rung_epochs

FILE = "search.json"
"""The file in a sweep's folder with the space and the options of its search (`record.Record`)."""
PREFIX = "hydra.sweeper."
SAMPLERS = ("tpe", "random", "gp")
"""Tree-structured Parzen estimator (Bergstra et al. 2011), uniform draws, Gaussian process."""
MAY_CHANGE = ("trials", "leave_out")
"""Options of a search that may change when it is resumed."""


@dataclass
class Options:
    """Options of a search. Only `trials` and `leave_out` may change once it has started."""

    trials: int | None = None
    """Number of configurations to try, at least 1; required."""
    minimize: Any = "val/loss"
    """A measure of an epoch, or a list of two for a Pareto front."""
    sampler: str = "tpe"
    """Optuna's sampler: `tpe`, `random` or `gp`."""
    seed: int = 0
    """Seed of the sampler, at least 0."""
    batch: int = 8
    """Number of trials proposed at a time, at least 1. Proposals of a batch don't use each other's results."""
    first_epochs: int = 3
    """Epochs of the first rung, at least 1."""
    factor: int | None = 3
    """The best 1/factor of each rung continue, for factor times the epochs; at least 2. null trains all to the end."""
    leave_out: list[int] = field(default_factory=list)
    """Numbers of failed trials to count as diverged."""

    def __post_init__(self) -> None:
        require(self.trials is not None, f"{PREFIX}trials", "a number of configurations to try", self.trials)
        for key in ("trials", "batch", "first_epochs"):
            at_least(f"{PREFIX}{key}", getattr(self, key), 1)
        require(0 <= self.seed < 2**63, f"{PREFIX}seed", "at least 0 and below 2**63", self.seed)
        if self.factor is not None:
            at_least(f"{PREFIX}factor", self.factor, 2)
        one_of(f"{PREFIX}sampler", self.sampler, SAMPLERS)
        names = self.measures
        known = len(names) in (1, 2) and len(set(map(str, names))) == len(names)
        require(known, f"{PREFIX}minimize", "one measure of an epoch, or a list of two different ones", self.minimize)

    @property
    def measures(self) -> list[Any]:
        """Return the minimised measures, one or two."""
        return list(self.minimize) if isinstance(self.minimize, list | tuple) else [self.minimize]

    def rungs(self, epochs: int) -> list[int]:
        """Return the epochs of the rungs, for runs of this many epochs."""
        return rung_epochs(self.first_epochs, self.factor, epochs)
