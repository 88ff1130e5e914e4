"""The schema: every key with its type, range, meaning and unit.

The dataclasses hold the rules and the defaults of the Python interface; `conf/` holds the same defaults as YAML for
Hydra (a test keeps the two equal). Rules that need only the configuration are checked in
`__post_init__`; those that need the data are checked by `vae_exp.preparation.check`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vae_exp.config.data import (
    BINARIZATIONS,
    EMNIST_SPLITS,
    Cifar10Config,
    DataConfig,
    DigitsConfig,
    EmnistConfig,
    FashionMnistConfig,
    HeldOutConfig,
    KmnistConfig,
    Mnist5kConfig,
    MnistConfig,
    QmnistConfig,
    TorchvisionConfig,
)
from vae_exp.config.evaluation import FIGURES, SPLITS, EvaluationConfig, FiguresConfig
from vae_exp.config.model import ACTIVATIONS, LIKELIHOODS, ConvConfig, MlpConfig, ModelConfig
from vae_exp.config.objective import ElboConfig, IwaeConfig, ObjectiveConfig
from vae_exp.config.optimizer import STAGES, AdamConfig, AdamWConfig, OptimizerConfig, SgdConfig, epochs_of_stages
from vae_exp.config.options import Options
from vae_exp.config.own_data import (
    LAYOUTS,
    ArraysConfig,
    HuggingfaceConfig,
    ImagesConfig,
    OwnDataConfig,
    PicturesConfig,
)
from vae_exp.config.rules import require
from vae_exp.config.tracking import MlflowConfig, NoTrackingConfig, TrackingConfig
from vae_exp.config.trainer import TrainerConfig

__all__ = [
    "ACTIVATIONS",
    "AdamConfig",
    "AdamWConfig",
    "ArraysConfig",
    "BINARIZATIONS",
    "Cifar10Config",
    "Config",
    "ConvConfig",
    "DataConfig",
    "DigitsConfig",
    "EMNIST_SPLITS",
    "ElboConfig",
    "EmnistConfig",
    "EvaluationConfig",
    "FIGURES",
    "FashionMnistConfig",
    "FiguresConfig",
    "ImagesConfig",
    "HeldOutConfig",
    "HuggingfaceConfig",
    "IwaeConfig",
    "KmnistConfig",
    "LAYOUTS",
    "LIKELIHOODS",
    "MlflowConfig",
    "MlpConfig",
    "Mnist5kConfig",
    "MnistConfig",
    "ModelConfig",
    "NoTrackingConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "OwnDataConfig",
    "PicturesConfig",
    "QmnistConfig",
    "SPLITS",
    "STAGES",
    "SgdConfig",
    "TorchvisionConfig",
    "TrackingConfig",
    "TrainerConfig",
]


@dataclass
class Config(Options):
    """The complete configuration of a run: what Hydra composes and what a run folder saves.

    Values are checked and converted where a configuration is made, and wherever a field is assigned.

    >>> config = Config(model=ConvConfig(latent_dim=4), seed=1)
    >>> config.model.latent_dim
    4
    >>> ConvConfig(latent_dim="4")
    Traceback (most recent call last):
    vae_exp.errors.UserError: model.latent_dim must be an integer of at most 64 bits, got '4'
    """

    model: ModelConfig = field(default_factory=ConvConfig)
    """The networks and the likelihood: `ConvConfig`, `MlpConfig`, or an extension's."""
    data: DataConfig = field(default_factory=Mnist5kConfig)
    """The images: `Mnist5kConfig`, `DigitsConfig`, `MnistConfig`, `ImagesConfig` …, or an extension's."""
    optimizer: OptimizerConfig = field(default_factory=AdamConfig)
    """The optimizer and its learning rates: `AdamConfig`, `AdamWConfig` or `SgdConfig`."""
    objective: ObjectiveConfig = field(default_factory=ElboConfig)
    """The minimised objective, in nats per image: `ElboConfig`, `IwaeConfig`, or an extension's."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """Epochs, batches, device, threads and checkpoints."""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    """The measures."""
    figures: FiguresConfig = field(default_factory=FiguresConfig)
    """The figures."""
    tracking: TrackingConfig = field(default_factory=MlflowConfig)
    """Where the commands send a run: `MlflowConfig` or `NoTrackingConfig`."""
    seed: int = 0
    """The seed of the run, at least 0; every random stream derives its own seed from it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.seed < 2**63, "seed", "at least 0 and below 2**63", self.seed)
        patience, every = self.trainer.patience, self.evaluation.every
        rule = f"null or at least evaluation.every={every}, or training would stop before the next evaluation"
        require(patience is None or patience >= every, "trainer.patience", rule, patience)
        has_levels = not self.model.dequantize or self.data.binarize == "none"
        require(has_levels, "model.dequantize", "false unless data.binarize=none", self.model.dequantize)
        stages, epochs = self.optimizer.stages, self.trainer.epochs
        if stages is None:
            require(epochs is not None, "trainer.epochs", "a number unless optimizer.stages is given", epochs)
        else:
            length = epochs_of_stages(stages)
            rule = f"null or {length}, the length of optimizer.stages={stages}"
            require(epochs in (None, length), "trainer.epochs", rule, epochs)
