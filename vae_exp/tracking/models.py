"""Log the best weights of a finished run as an MLflow model, linked to the run, its final measures and its data."""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp.storage import checkpoint
from vae_exp.storage.model_folder import ModelFolder, describe
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import content

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

NAME = "model"
WEIGHTS = "vae_exp.weights"
"""The tag with the SHA-256 of the weights. The same weights are not sent again."""
LOADER = "vae_exp.tracking.pyfunc"
PACKAGES = ("vae_exp", "torch", "numpy")


def send_model(client: MlflowClient, experiment_id: str, run_id: str, folder: RunFolder) -> str:
    """Send the best weights of a finished run as its model, unless the server has them; return the model's id.

    An incomplete model is completed. A model of earlier weights of a continued run is kept.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    weights, epoch = folder.read_weights("best")
    digest = checkpoint.digest(weights)
    model = _find(client, experiment_id, run_id, digest)
    if model is None:
        model = client.create_logged_model(
            experiment_id,
            NAME,
            source_run_id=run_id,
            tags={WEIGHTS: digest},
            params=content.parameters(folder.read_config() or {}),
            model_type="vae",
        )
    if model.status != LoggedModelStatus.READY:
        with tempfile.TemporaryDirectory() as place:
            _write(Path(place), model, run_id, folder, weights)
            client.log_model_artifacts(model.model_id, place)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=epoch)])
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return str(model.model_id)


def _find(client: MlflowClient, experiment_id: str, run_id: str, digest: str) -> LoggedModel | None:
    """Return the run's model with these weights, also an incomplete one."""
    found = client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
    return next((model for model in found if model.tags.get(WEIGHTS) == digest), None)


def _write(place: Path, model: LoggedModel, run_id: str, folder: RunFolder, weights: dict[str, Any]) -> None:
    """Write the files of an MLflow model: its description, requirements, an example, and our model folder as data."""
    from mlflow.models import Model

    environment, final = folder.read_environment(), folder.read_final()
    assert environment is not None
    assert final is not None
    data = environment.data
    shape = (data.image_shape[0], data.image_shape[1], data.image_shape[2])
    description = describe(folder.read_config() or {}, data.image_shape, data.digest or "", final.flat())
    (place / "data").mkdir()
    ModelFolder(place / "data").write(weights, final.best_epoch, description)
    described = Model(
        artifact_path=model.artifact_location, run_id=run_id, signature=_signature(shape), model_id=model.model_id
    )
    described.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "type": "json_object",
        "serving_input_path": "serving_input_example.json",
    }
    environment_file = {"virtualenv": "python_env.yaml"}
    described.add_flavor(
        "python_function",
        loader_module=LOADER,
        data="data",
        env=environment_file,
        python_version=platform.python_version(),
    )
    described.save(str(place / "MLmodel"))
    (place / "requirements.txt").write_text("\n".join(_requirements()) + "\n", encoding="utf-8")
    python = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    (place / "python_env.yaml").write_text(json.dumps(python), encoding="utf-8")  # JSON is YAML
    example = [[[[0.0] * shape[2]] * shape[1]] * shape[0]]
    (place / "input_example.json").write_text(json.dumps(example), encoding="utf-8")
    (place / "serving_input_example.json").write_text(json.dumps({"inputs": example}), encoding="utf-8")


def _signature(shape: tuple[int, int, int]) -> ModelSignature:
    """Return the parameters and the default output. Inputs depend on `output`: `VaePyfunc` checks them."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

    params = [
        ParamSpec("output", "string", "reconstruct"),
        ParamSpec("n", "long", 64),
        ParamSpec("seed", "long", 0),
    ]
    images = TensorSpec(np.dtype("float32"), (-1, *shape))
    return ModelSignature(outputs=Schema([images]), params=ParamSchema(params))


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name).partition('+')[0]}" for name in PACKAGES]
