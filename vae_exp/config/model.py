"""The models: `model.*`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_exp.config.options import Options
from vae_exp.config.rules import at_least, one_of, positive, require
from vae_exp.registry import schema

LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian", "discretized_logistic")
SCALED = ("gaussian", "discretized_logistic")
"""Likelihoods with a scale."""
DENSITIES = ("continuous_bernoulli", "gaussian")
"""Likelihoods that are densities of pixels in [0, 1]."""
ACTIVATIONS = ("relu", "tanh", "softplus")


@dataclass
class ModelConfig(Options, group="model"):
    """Options of every model."""

    name: str = ""
    """Name of the model: `conv`, `mlp`, or an extension's."""
    latent_dim: int = 2
    """Number of latent dimensions, at least 1; the papers use 2 to 200 (Kingma & Welling 2013, arXiv 1312.6114)."""
    likelihood: str = "bernoulli"
    """p(x|z): `bernoulli` (Kingma & Welling 2013, arXiv 1312.6114; with grey pixels a cross-entropy objective, not a
    likelihood), `continuous_bernoulli` (Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845) or `gaussian`, which are
    densities of pixels, or `discretized_logistic`, a likelihood of 8-bit pixels (Salimans et al. 2017,
    arXiv 1701.05517)."""
    scale: float | None = None
    """Scale of the likelihood, in pixels of [0, 1]: the standard deviation of `gaussian`, s of `discretized_logistic`;
    null learns one for all pixels (Rybkin et al. 2021, arXiv 2006.13202). Only for these two."""
    optimal_scale: bool = False
    """Compute the scale of `gaussian` instead of learning it: in training the root mean squared error of the batch, in
    evaluation that of training images after the epoch, saved with the weights (Rybkin et al. 2021, arXiv 2006.13202,
    section 3.2)."""
    dequantize: bool = False
    """Add uniform noise to 8-bit pixels, (k + u)/256 with u in [0, 1), drawn each time, and count nats of grey
    levels: the density becomes a bound on the likelihood of the pixels (Theis et al. 2016, arXiv 1511.01844). Only for
    `continuous_bernoulli` and `gaussian`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("model.latent_dim", self.latent_dim, 1)
        one_of("model.likelihood", self.likelihood, LIKELIHOODS)
        if self.scale is not None:
            positive("model.scale", self.scale)
            rule = f"null unless model.likelihood is one of {', '.join(SCALED)}"
            require(self.likelihood in SCALED, "model.scale", rule, self.scale)
        computed = not self.optimal_scale or (self.likelihood == "gaussian" and self.scale is None)
        rule = "false unless model.likelihood=gaussian and model.scale=null"
        require(computed, "model.optimal_scale", rule, self.optimal_scale)
        rule = f"false unless model.likelihood is one of {', '.join(DENSITIES)}"
        require(not self.dequantize or self.likelihood in DENSITIES, "model.dequantize", rule, self.dequantize)


@schema("model", "conv")
@dataclass
class ConvConfig(ModelConfig):
    """Strided convolutions and one linear layer in the encoder; the mirror image in the decoder."""

    name: str = "conv"
    channels: list[int] = field(default_factory=lambda: [1, 32, 64])
    """Channels of the image, then of each convolution: at least two entries, each at least 1."""
    kernel_size: int = 3
    """Side of every convolution's kernel, in pixels, at least 1."""
    stride: int = 2
    """Stride of every convolution, in pixels: at least 1 and at most `kernel_size`, since a larger one skips pixels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.channels) >= 2, "model.channels", "a list of at least two entries", self.channels)
        for i, channels in enumerate(self.channels):
            at_least(f"model.channels[{i}]", channels, 1)
        at_least("model.kernel_size", self.kernel_size, 1)
        at_least("model.stride", self.stride, 1)
        rule = f"at most model.kernel_size ({self.kernel_size}), since a larger one skips pixels"
        require(self.stride <= self.kernel_size, "model.stride", rule, self.stride)


@schema("model", "mlp")
@dataclass
class MlpConfig(ModelConfig):
    """Fully connected encoder and decoder (Kingma & Welling 2013, arXiv 1312.6114, appendix C)."""

    name: str = "mlp"
    hidden: list[int] = field(default_factory=lambda: [500])
    """Width of each hidden layer of the encoder; the decoder has them in reverse order."""
    activation: str = "tanh"
    """Nonlinearity after each hidden layer: `relu`, `tanh` or `softplus`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.hidden) >= 1, "model.hidden", "a list of at least one width", self.hidden)
        for i, width in enumerate(self.hidden):
            at_least(f"model.hidden[{i}]", width, 1)
        one_of("model.activation", self.activation, ACTIVATIONS)
