"""Load a trained model from a run's folder, or from an export, which may be untrusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp.config import Config
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError, printable
from vae_exp.storage.checkpoint import Tensors
from vae_exp.storage.model_folder import Description, ModelFolder
from vae_exp.storage.paths import require_path

if TYPE_CHECKING:
    from vae_exp.models.vae import Shape, Vae


def trained(config: Config, shape: Shape, read: Callable[[Tensors | None], Tensors], where: str) -> Vae:
    """Return a model with the weights that `read` returns, on the CPU, in evaluation mode and without gradients.

    `read` gets the required tensors on the device `meta`: an untrusted configuration may describe a model of any size,
    and memory is allocated only after weights of these shapes were read. Raises UserError, naming `where`, for sizes
    that torch can't hold.
    """
    from vae_exp.models import build_model  # imports torch

    weights = read(_expected(config, shape, where))
    model = build_model(config.model, shape, config.seed)
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def require_shape(shape: tuple[int, ...] | list[int], where: str) -> Shape:
    """Return channels, height and width; raise UserError, naming the key, unless they are three numbers above 0."""
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(f"{where} must be three numbers above 0, got {list(shape)}")
    return shape[0], shape[1], shape[2]


def _expected(config: Config, shape: Shape, where: str) -> Tensors | None:
    """Return the model's weights on the device `meta`; None if an extension's model can't be built there."""
    from vae_exp.models import build_model
    from vae_exp.models.memory import without_memory

    try:
        with without_memory(f"{where}: "):
            return build_model(config.model, shape, config.seed).state_dict()
    except NotImplementedError:
        return None


@dataclass(frozen=True, repr=False)
class LoadedModel:
    """An exported model: like a run, without its metrics. Each part is read when it is first used."""

    folder: Path

    @cached_property
    def config(self) -> Config:
        """The complete configuration of the run, with `data.root: null`."""
        return load_config(self._description.config, str(ModelFolder(self.folder).description_file))

    @property
    def final(self) -> dict[str, Any]:
        """The measures on the best weights, by name (`docs/measures.md`)."""
        return self._description.final

    @property
    def shape(self) -> Shape:
        """Channels, height and width of the images, in pixels."""
        return require_shape(self._description.image_shape, f"{ModelFolder(self.folder).description_file}: image_shape")

    @cached_property
    def model(self) -> Vae:
        """The model with its best weights, on the CPU, in evaluation mode and without gradients."""
        folder = ModelFolder(self.folder)
        return trained(self.config, self.shape, folder.read_weights, str(folder.description_file))

    @cached_property
    def _description(self) -> Description:
        return ModelFolder(self.folder).read()

    def __repr__(self) -> str:
        model = self.config.model
        return printable(f"LoadedModel({self.folder}: {model.name}, latent_dim={model.latent_dim})")


def load_export(folder: str | Path) -> LoadedModel:
    """Load the model that `python -m vae_exp.export` wrote into a folder; no code of it is executed.

    Raises UserError when the folder holds none, or its configuration is damaged.
    """
    loaded = LoadedModel(require_path(folder, "folder"))
    _ = loaded.config
    return loaded
