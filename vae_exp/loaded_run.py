"""A run loaded from its folder: model, configuration, metrics and figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from vae_exp.cards import card
from vae_exp.config import Config
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError, printable
from vae_exp.storage import checkpoint
from vae_exp.storage.checkpoint import Tensors
from vae_exp.storage.kept import require_weights
from vae_exp.storage.pictures import read_png
from vae_exp.storage.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from vae_exp.models.vae import Shape, Vae

LOSSES = ("train/loss", "val/loss", "test/loss")
"""The losses in a run's summary, in nats per image."""
ON_A_CARD = ("samples", "latent", "tsne", "loss_curves")
"""Figures for a card; the first that exists is used."""


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """A run loaded from its folder. Each part is read when used; a damaged file raises UserError with its name."""

    folder: Path
    """The run's folder. That of an MLflow run is temporary and is deleted with this object."""

    @property
    def state(self) -> str:
        """The current state: `planned`, `running`, `paused`, `finished`, `failed` or `interrupted`."""
        return self._run_folder.state()

    @cached_property
    def config(self) -> Config:
        """The complete configuration."""
        return read_config(self._run_folder)

    @property
    def metrics(self) -> pd.DataFrame:
        """One row for each epoch: `epoch`, `timestamp` (ms), `seconds`, and `train/loss` … in nats per image."""
        import pandas as pd

        return pd.DataFrame(self._run_folder.records())

    @property
    def final(self) -> dict[str, Any]:
        """The measures of the best weights, by name (`docs/measures.md`); empty while the run is unfinished."""
        final = self._run_folder.read_final()
        return final.flat() if final else {}

    @cached_property
    def model(self) -> Vae:
        """The model with its best weights so far, on the CPU, in evaluation mode and without gradients."""
        return best_model(self._run_folder, self.config)

    def figure(self, name: str) -> Image.Image:
        """Return a figure of the run: `tsne`, `samples`, `steps/epoch_0010` …; UserError lists the existing ones."""
        if name not in (known := self._figures()):
            raise UserError(f"the name of a figure must be one of {', '.join(known) or 'none'}, got {name!r}")
        return read_png(self._run_folder.figures / f"{name}.png")[1]

    @property
    def _run_folder(self) -> RunFolder:
        return RunFolder(self.folder)

    def _figures(self) -> list[str]:
        place = self._run_folder.figures
        return sorted(file.relative_to(place).with_suffix("").as_posix() for file in place.rglob("*.png"))

    def __repr__(self) -> str:
        return printable(f"LoadedRun({self.folder}: {self._summary()})")

    def _summary(self) -> str:
        """Return the summary of the run: `finished, best epoch 8 of 10, val/loss 138.79, test/loss 139.20`."""
        try:
            losses = [f"{name} {value:.2f}" for name, value in self._losses().items()]
            return ", ".join([self.state, self._epochs(), *losses])
        except UserError as error:
            return str(error)

    def _epochs(self) -> str:
        if final := self.final:
            return f"best epoch {final['best_epoch']} of {final['epochs']}"
        return f"after epoch {len(self._run_folder.records())}"

    def _losses(self) -> dict[str, float]:
        """Return the losses of the best epoch; for an unfinished run, of the last epoch."""
        records = self._run_folder.records()
        epoch = self.final.get("best_epoch", len(records))
        record = next((record for record in records if record["epoch"] == epoch), {})
        return {name: record[name] for name in LOSSES if name in record}

    def _repr_html_(self) -> str:
        return card(self.folder, self._summary(), self._picture())

    def _picture(self) -> Image.Image | None:
        """Return the first existing figure for a card."""
        name = next((name for name in ON_A_CARD if name in self._figures()), None)
        return self.figure(name) if name else None


def read_config(folder: RunFolder) -> Config:
    """Return a run's configuration; raise UserError when it is missing or invalid."""
    saved = folder.read_config()
    if saved is None:
        raise UserError(f"{folder.path} is not a run: it has no {folder.config_file.name}")
    return load_config(saved, str(folder.config_file))


def image_shape(folder: RunFolder) -> Shape:
    """Return channels, height and width of the images that the run was trained on."""
    from vae_exp.loaded_model import require_shape

    environment = folder.read_environment()
    return require_shape(
        environment.data.image_shape if environment else [], f"{folder.environment_file}: data.image_shape"
    )


def best_model(folder: RunFolder, config: Config) -> Vae:
    """Return the model with its best weights; raise UserError, naming the file, unless they fit the configuration."""
    from vae_exp.loaded_model import trained  # imports torch, which metrics and figures do not need

    require_weights(folder)

    def read(required: Tensors | None) -> Tensors:
        weights, _ = folder.read_weights("best", required)
        checkpoint.require_finite(folder.weights_file("best"), weights)
        return weights

    return trained(config, image_shape(folder), read, str(folder.config_file))
