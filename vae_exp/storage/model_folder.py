"""The folder of a trained model, `model.safetensors` and `config.json`, in exports and MLflow models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vae_exp.errors import UserError
from vae_exp.storage import checkpoint, files
from vae_exp.storage.checkpoint import Tensors
from vae_exp.storage.records import Weights

VERSION = 1
"""Version of the layout of `config.json`."""


class Description(msgspec.Struct, frozen=True):
    """`config.json`: the model that the weights belong to. It names neither the machine nor the data's folder."""

    version: int
    config: dict[str, Any]
    """The complete configuration, with `data.root: null` and `tracking.name: none`."""
    image_shape: tuple[int, int, int]
    """Channels, height and width, in pixels."""
    data_digest: str
    """SHA-256 of all splits' images and labels."""
    final: dict[str, Any]
    """What the run's `final.json` holds."""


@dataclass(frozen=True)
class ModelFolder:
    """The folder of a trained model. It may be untrusted; nothing in it is executed."""

    path: Path

    @property
    def weights_file(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "model.safetensors"

    @property
    def description_file(self) -> Path:
        """The description of the model that the weights belong to."""
        return self.path / "config.json"

    def write(self, weights: Tensors, epoch: int, description: Description) -> None:
        """Write both files."""
        checkpoint.write(self.weights_file, weights, {"epoch": epoch})
        files.write_json(self.description_file, description)

    def read(self) -> Description:
        """Return the description; raise UserError when it is missing or damaged."""
        if not self.description_file.is_file():
            raise UserError(f"{self.path} holds no exported model: it has no {self.description_file.name}")
        found = files.read_record(self.description_file, Description)
        if found.version != VERSION:
            raise UserError(f"{self.description_file} must be of version {VERSION}, got {found.version}")
        return found

    def read_weights(self, required: Tensors | None) -> Tensors:
        """Return the weights; raise Damaged unless they have the names, shapes and types of `required`."""
        tensors, _ = checkpoint.read(self.weights_file, Weights)
        if required is not None:
            checkpoint.require_fit(self.weights_file, tensors, required)
        checkpoint.require_finite(self.weights_file, tensors)
        return tensors


def describe(config: dict[str, Any], image_shape: list[int], digest: str, final: dict[str, Any]) -> Description:
    """Return the description of a run's model."""
    channels, height, width = image_shape
    public = config | {"data": config["data"] | {"root": None}, "tracking": {"name": "none"}}
    return Description(VERSION, public, (channels, height, width), digest, final)
