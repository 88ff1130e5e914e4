"""The optimizers and their schedule: `optimizer.*`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least, fraction, positive, require
from vae_exp.registry import schema

STAGES = 8
"""Stages of the learning-rate schedule of Burda et al. 2015."""


def epochs_of_stages(stages: int) -> int:
    """Return the number of epochs of the first stages of the schedule: 1 + 3 + 9 + … = (3^stages − 1)/2."""
    return (int(3**stages) - 1) // 2


@dataclass
class OptimizerConfig(Options, group="optimizer"):
    """Options of every optimizer."""

    name: str = ""
    """Name of the optimizer: `adam`, `adamw`, `sgd`, or an extension's."""
    lr: float = 1e-3
    """Learning rate, above 0."""
    weight_decay: float = 0.0
    """L2 penalty (decoupled from the gradient in `adamw`), at least 0."""
    stages: int | None = None
    """Number of stages of the schedule of Burda et al. 2015, 1 to 8: stage i lasts 3^(i−1) epochs at
    lr·10^(−(i−1)/7), so that 8 stages are 3,280 epochs. null keeps `lr` throughout."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("optimizer.lr", self.lr)
        at_least("optimizer.weight_decay", self.weight_decay, 0)
        if self.stages is not None:
            require(1 <= self.stages <= STAGES, "optimizer.stages", f"between 1 and {STAGES}", self.stages)


@schema("optimizer", "adam")
@dataclass
class AdamConfig(OptimizerConfig):
    """Adam (Kingma & Ba 2014, arXiv 1412.6980)."""

    name: str = "adam"
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    """Decay rates of the running averages of the gradient and of its square, each at least 0 and below 1."""
    eps: float = 1e-8
    """Added to the denominator, above 0."""
    amsgrad: bool = False
    """Use the maximum of past squared gradients (Reddi et al. 2018)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.betas) == 2, "optimizer.betas", "a list of two rates", self.betas)
        for i, beta in enumerate(self.betas):
            fraction(f"optimizer.betas[{i}]", beta)
        positive("optimizer.eps", self.eps)


@schema("optimizer", "adamw")
@dataclass
class AdamWConfig(AdamConfig):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv 1711.05101)."""

    name: str = "adamw"
    weight_decay: float = 1e-2


@schema("optimizer", "sgd")
@dataclass
class SgdConfig(OptimizerConfig):
    """Stochastic gradient descent."""

    name: str = "sgd"
    momentum: float = 0.0
    """Momentum, at least 0."""
    dampening: float = 0.0
    """Dampening of the momentum, at least 0; must be 0 with `nesterov`."""
    nesterov: bool = False
    """Nesterov's momentum; needs `momentum` above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("optimizer.momentum", self.momentum, 0)
        at_least("optimizer.dampening", self.dampening, 0)
        allowed = not self.nesterov or (self.momentum > 0 and self.dampening == 0)
        rule = "false unless optimizer.momentum is above 0 and optimizer.dampening is 0"
        require(allowed, "optimizer.nesterov", rule, self.nesterov)
