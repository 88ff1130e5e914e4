"""The models: `model.*`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least, one_of, positive, require
from vae_exp.registry import schema

LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian")
ACTIVATIONS = ("relu", "tanh", "softplus")


@dataclass
class ModelConfig(Options, group="model"):
    """What every model has."""

    name: str = ""
    """Which model: `conv`, `mlp`, or one that an installed extension registered."""
    latent_dim: int = 2
    """Number of latent dimensions, at least 1; the papers take 2 to 200 (Kingma & Welling 2013, arXiv 1312.6114)."""
    likelihood: str = "bernoulli"
    """p(x|z): `bernoulli` (Kingma & Welling 2013, arXiv 1312.6114; with grey pixels a cross-entropy objective, not a
    likelihood), `continuous_bernoulli` (Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845) or `gaussian`."""
    scale: float | None = None
    """Standard deviation of the Gaussian likelihood, in pixels of [0, 1]; null learns one for all pixels
    (Rybkin et al. 2021, arXiv 2006.13202). Only for `likelihood: gaussian`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("model.latent_dim", self.latent_dim, 1)
        one_of("model.likelihood", self.likelihood, LIKELIHOODS)
        if self.scale is not None:
            positive("model.scale", self.scale)
            require(self.likelihood == "gaussian", "model.scale", "null unless model.likelihood=gaussian", self.scale)


@schema("model", "conv")
@dataclass
class ConvConfig(ModelConfig):
    """Strided convolutions down to one linear layer, and their mirror image up again."""

    name: str = "conv"
    channels: list[int] = field(default_factory=lambda: [1, 32, 64])
    """Channels of the image, then of each convolution: at least two entries, each at least 1."""
    kernel_size: int = 3
    """Side of every convolution's kernel, in pixels, at least 1."""
    stride: int = 2
    """Stride of every convolution, in pixels: at least 1 and at most `kernel_size`, since a larger one leaves gaps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.channels) >= 2, "model.channels", "a list of at least two entries", self.channels)
        for i, channels in enumerate(self.channels):
            at_least(f"model.channels[{i}]", channels, 1)
        at_least("model.kernel_size", self.kernel_size, 1)
        at_least("model.stride", self.stride, 1)
        rule = f"at most model.kernel_size ({self.kernel_size}), since a larger one leaves gaps"
        require(self.stride <= self.kernel_size, "model.stride", rule, self.stride)


@schema("model", "mlp")
@dataclass
class MlpConfig(ModelConfig):
    """Fully connected encoder and decoder (Kingma & Welling 2013, arXiv 1312.6114, appendix C)."""

    name: str = "mlp"
    hidden: list[int] = field(default_factory=lambda: [500])
    """Width of each hidden layer of the encoder; the decoder has them in reverse."""
    activation: str = "tanh"
    """Nonlinearity after each hidden layer: `relu`, `tanh` or `softplus`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.hidden) >= 1, "model.hidden", "a list of at least one width", self.hidden)
        for i, width in enumerate(self.hidden):
            at_least(f"model.hidden[{i}]", width, 1)
        one_of("model.activation", self.activation, ACTIVATIONS)
