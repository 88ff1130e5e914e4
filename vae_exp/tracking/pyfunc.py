"""The model that MLflow loads: this code over weights and a configuration, never a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from vae_exp.errors import UserError
from vae_exp.loaded_model import load_export
from vae_exp.models.vae import Shape, Vae

OUTPUTS = ("reconstruct", "encode", "decode", "sample")
MOST_SAMPLES = 10_000
"""Largest number of samples in one call."""


def _load_pyfunc(path: str) -> VaePyfunc:
    """Return the model of a folder; MLflow calls this by its name."""
    return VaePyfunc(Path(path))


class VaePyfunc:
    """A trained VAE with MLflow's `predict`. The parameter `output` selects what is returned.

    - `reconstruct` (the default): images (N, C, H, W), uint8 or floats in [0, 1] → the mean of p(x|z) at E[z|x];
    - `encode`: the same → `mean` and `log_variance` of q(z|x), (N, D) each;
    - `decode`: z (N, D) → the mean of p(x|z), (N, C, H, W);
    - `sample`: any input → the means of p(x|z) at `n` draws from the prior, by `seed`.
    """

    def __init__(self, folder: Path) -> None:
        loaded = load_export(folder)
        self.vae, self.shape = loaded.model, loaded.shape

    @torch.no_grad()
    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Return the output that `params["output"]` names; invalid input is a client error (HTTP 400)."""
        chosen: dict[str, Any] = {"output": "reconstruct", "n": 64, "seed": 0} | (params or {})
        match chosen["output"]:
            case "reconstruct":
                return _array(self.vae.decode(self.vae.encode(_images(model_input, self.shape)).mean).mean)
            case "encode":
                posterior = self.vae.encode(_images(model_input, self.shape))
                return {"mean": _array(posterior.mean), "log_variance": _array(posterior.log_variance)}
            case "decode":
                return _array(self.vae.decode(_points(model_input, self.vae)).mean)
            case "sample":
                return _array(self.vae.sample(_count(chosen["n"]), seed=int(chosen["seed"])))
            case other:
                _refuse(f"params.output must be one of {', '.join(OUTPUTS)}, got {other!r}")


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.numpy()


def _images(given: Any, shape: Shape) -> torch.Tensor:
    """Return images as a tensor; refuse a wrong shape or range."""
    array = np.asarray(given)
    if array.ndim != 4 or array.shape[1:] != shape:
        _refuse(f"images must be of shape (N, {', '.join(map(str, shape))}), got {array.shape}")
    if array.dtype == np.uint8:
        return torch.from_numpy(array.copy())
    images = _numbers(array, "images")
    if not ((images >= 0) & (images <= 1)).all():
        _refuse("images must be floats in [0, 1], or bytes")
    return torch.from_numpy(images)


def _points(given: Any, vae: Vae) -> torch.Tensor:
    z = np.asarray(given)
    if z.ndim != 2 or z.shape[1] != vae.latent_dim:
        _refuse(f"z must be of shape (N, {vae.latent_dim}), got {z.shape}")
    return torch.from_numpy(_numbers(z, "z"))


def _numbers(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        _refuse(f"{name} must be finite numbers, got {array.dtype}")
    return array.astype(np.float32)


def _count(n: Any) -> int:
    if not 1 <= int(n) <= MOST_SAMPLES:
        _refuse(f"params.n must be between 1 and {MOST_SAMPLES}, got {n}")
    return int(n)


def _refuse(rule: str) -> NoReturn:
    """Raise the exception that MLflow answers with HTTP 400, or UserError without MLflow."""
    try:
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UserError(rule) from None
    raise MlflowException.invalid_parameter_value(rule)
