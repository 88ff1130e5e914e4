"""Train, evaluate and compare variational autoencoders: the Python face.

`Config` and `run` need neither Hydra nor MLflow; `load_run` and `load_sweep` read what was trained. Each is imported
when it is first used, so that `import vae_exp` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_exp.comparison import load_sweep
    from vae_exp.config import Config
    from vae_exp.experiment import run
    from vae_exp.loading import LoadedRun, load_run

    __version__: str

__all__ = ["Config", "LoadedRun", "__version__", "load_run", "load_sweep", "run"]

_MODULES = {
    "Config": "vae_exp.config",
    "LoadedRun": "vae_exp.loading",
    "load_run": "vae_exp.loading",
    "load_sweep": "vae_exp.comparison",
    "run": "vae_exp.experiment",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("vae_exp")
    if name not in _MODULES:
        raise AttributeError(f"module 'vae_exp' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
