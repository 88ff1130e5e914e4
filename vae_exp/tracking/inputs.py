"""The data of a run as MLflow's inputs: a data set for each split, by name and digest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vae_exp.storage.run_folder import RunFolder

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

CONTEXTS = {"train": "train", "val": "validation", "test": "test"}
LONGEST_DIGEST = 36
"""Characters that MLflow accepts."""


def data_inputs(folder: RunFolder) -> list[DatasetInput]:
    """Return a run's data, one input for each split, with its number of images; empty when no sizes are saved."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    config: dict[str, Any] = folder.read_config() or {}
    environment = folder.read_environment()
    if environment is None:
        return []
    data, name = environment.data, str(config.get("data", {}).get("name"))
    digest, found = data.digest or "", []
    for split, size in data.images.items():
        profile = json.dumps({"images": size, "shape": data.image_shape, "digest": digest})
        dataset = Dataset(
            name, f"{digest[: LONGEST_DIGEST - 6]}/{split}", "vae_exp", json.dumps({"name": name}), profile=profile
        )
        found.append(DatasetInput(dataset, [InputTag("mlflow.data.context", CONTEXTS[split])]))
    return found
