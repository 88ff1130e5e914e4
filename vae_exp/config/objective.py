"""The objectives: `objective.*`."""

from __future__ import annotations

from dataclasses import dataclass

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least
from vae_exp.registry import schema


@dataclass
class ObjectiveConfig(Options, group="objective"):
    """Options of every objective."""

    name: str = ""
    """Name of the objective: `elbo`, `iwae`, or an extension's."""
    samples: int = 1
    """Monte Carlo samples of z for each image, at least 1: L of the ELBO (Kingma & Welling 2013, arXiv 1312.6114,
    eq. 10), K of the IWAE bound (Burda et al. 2015, arXiv 1509.00519, eq. 8)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("objective.samples", self.samples, 1)


@schema("objective", "elbo")
@dataclass
class ElboConfig(ObjectiveConfig):
    """The negative ELBO: −log p(x|z) summed over pixels, plus the closed-form KL.

    Kingma & Welling 2013, arXiv 1312.6114, eq. 10.
    """

    name: str = "elbo"
    beta: float = 1.0
    """Weight of the KL term, at least 0 (Higgins et al. 2017, "beta-VAE", ICLR)."""
    warmup_epochs: int = 0
    """The weight of the KL grows linearly from 0 to `beta` over this many epochs (Sønderby et al. 2016,
    arXiv 1602.02282); 0 starts at `beta`. None of these epochs can be the best, so `trainer.epochs` must be larger."""
    free_bits: float = 0.0
    """Lower bound on the KL of each latent dimension in the objective, in nats, at least 0; applied to its mean over
    the batch (Kingma et al. 2016, arXiv 1606.04934, eq. 15)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("objective.beta", self.beta, 0)
        at_least("objective.warmup_epochs", self.warmup_epochs, 0)
        at_least("objective.free_bits", self.free_bits, 0)


@schema("objective", "iwae")
@dataclass
class IwaeConfig(ObjectiveConfig):
    """The importance-weighted bound (Burda et al. 2015, arXiv 1509.00519, eq. 8)."""

    name: str = "iwae"
    samples: int = 5
    dreg: bool = False
    """Use the doubly reparameterised gradient for the encoder, which often has a lower variance (Tucker et al. 2018,
    arXiv 1810.04152)."""
