"""Train, evaluate and compare variational autoencoders from Python.

>>> import vae_exp
>>> config = vae_exp.Config(model=vae_exp.ConvConfig(latent_dim=4), seed=0)
>>> run = vae_exp.run(config, "outputs/one")  # doctest: +SKIP
>>> sweep = vae_exp.sweep(config, {"model.latent_dim": [2, 4], "seed": range(3)}, "outputs/two")  # doctest: +SKIP
>>> found = vae_exp.search(config, {"model.latent_dim": range(2, 33)}, "outputs/three", trials=16)  # doctest: +SKIP

`load_run` and `load_sweep` load what was trained. Each name is imported when it is first used, so that
`import vae_exp` takes almost no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_exp.api import run, search, sweep
    from vae_exp.config import (
        AdamConfig,
        AdamWConfig,
        ArraysConfig,
        Cifar10Config,
        Config,
        ConvConfig,
        DigitsConfig,
        ElboConfig,
        EmnistConfig,
        EvaluationConfig,
        FashionMnistConfig,
        FiguresConfig,
        HuggingfaceConfig,
        ImagesConfig,
        IwaeConfig,
        KmnistConfig,
        MlflowConfig,
        MlpConfig,
        Mnist5kConfig,
        MnistConfig,
        NoTrackingConfig,
        QmnistConfig,
        SgdConfig,
        TrainerConfig,
    )
    from vae_exp.errors import Diverged, UserError
    from vae_exp.loaded_model import LoadedModel, load_export
    from vae_exp.loaded_run import LoadedRun
    from vae_exp.loaded_sweep import LoadedSweep
    from vae_exp.loading import load_run
    from vae_exp.searching.loaded_search import LoadedSearch
    from vae_exp.searching.loading import load_sweep

    __version__: str

__all__ = [
    "AdamConfig",
    "AdamWConfig",
    "ArraysConfig",
    "Cifar10Config",
    "Config",
    "ConvConfig",
    "DigitsConfig",
    "Diverged",
    "ElboConfig",
    "EmnistConfig",
    "EvaluationConfig",
    "FashionMnistConfig",
    "FiguresConfig",
    "HuggingfaceConfig",
    "ImagesConfig",
    "IwaeConfig",
    "KmnistConfig",
    "LoadedModel",
    "LoadedRun",
    "LoadedSearch",
    "LoadedSweep",
    "MlflowConfig",
    "MlpConfig",
    "Mnist5kConfig",
    "MnistConfig",
    "NoTrackingConfig",
    "QmnistConfig",
    "SgdConfig",
    "TrainerConfig",
    "UserError",
    "__version__",
    "load_export",
    "load_run",
    "load_sweep",
    "run",
    "search",
    "sweep",
]

_MODULES = {
    "Diverged": "vae_exp.errors",
    "LoadedModel": "vae_exp.loaded_model",
    "LoadedRun": "vae_exp.loaded_run",
    "LoadedSearch": "vae_exp.searching.loaded_search",
    "LoadedSweep": "vae_exp.loaded_sweep",
    "UserError": "vae_exp.errors",
    "load_export": "vae_exp.loaded_model",
    "load_run": "vae_exp.loading",
    "load_sweep": "vae_exp.searching.loading",
    "run": "vae_exp.api",
    "search": "vae_exp.api",
    "sweep": "vae_exp.api",
}
"""The module of each name; the classes of the configuration are in `vae_exp.config`."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("vae_exp")
    if name not in __all__:
        raise AttributeError(f"module 'vae_exp' has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "vae_exp.config")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
