"""The decoder of a run as data for the page: layers, weights, and the conversion of logits to an image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vae_exp.comparison.decoders.layers import LINEAR, Array, Layer
from vae_exp.comparison.decoders.packing import pack
from vae_exp.config import ModelConfig
from vae_exp.errors import UserError
from vae_exp.geometry import Shape
from vae_exp.storage.checkpoint import Arrays

MEANS = {
    "bernoulli": "sigmoid",
    "gaussian": "sigmoid",
    "continuous_bernoulli": "continuous_bernoulli",
    "discretized_logistic": "logistic",
}
"""How the mean of p(x|z) is called that a likelihood makes of logits (see `distributions` and `eight_bit`)."""


def bytes_of_weights(found: list[Layer]) -> int:
    """Return the size of these layers' weights in the page: two bytes for each number, in base64."""
    numbers = sum(math.prod(shape) for layer in found for shape in layer.shapes.values())
    return 4 * math.ceil(2 * numbers / 3)


def decoder(config: ModelConfig, found: list[Layer], arrays: Arrays) -> dict[str, Any]:
    """Return the data for `decoder.js`; raise UserError when the weights don't fit the configuration."""
    numbers = [array for layer in found for array in layer.channels_last(*_parameters(arrays, layer))]
    packed, factors = pack(numbers)
    return {
        "layers": [_described(layer) for layer in found],
        "weights": packed,
        "factors": factors,
        "image": _channels_last(found[-1].output),
        "mean": MEANS[config.likelihood],
        "scale": _scale(config, arrays) if config.likelihood == "discretized_logistic" else 1,
    }


def _parameters(arrays: Arrays, layer: Layer) -> tuple[Array, Array]:
    weight, bias = (_checked(arrays, f"decoder.{layer.name}.{part}", shape) for part, shape in layer.shapes.items())
    return weight, bias


def _checked(arrays: Arrays, name: str, shape: tuple[int, ...]) -> Array:
    """Return an array of finite numbers in float32 of this shape."""
    array: Array | None = arrays.get(name)
    if array is None or array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
        raise UserError(f"the weights are not those of the configuration ({name})")
    return array


def _scale(config: ModelConfig, arrays: Arrays) -> float:
    """Return the scale of the likelihood, in pixels of [0, 1]: fixed, or learned with the weights."""
    if config.scale is not None:
        return config.scale
    return math.exp(float(np.clip(_checked(arrays, "log_scale", ()), -20, 20)))


def _described(layer: Layer) -> dict[str, Any]:
    vector = (math.prod(layer.output), 1, 1)
    return {
        "kind": layer.kind,
        "activation": layer.activation,
        "input": _channels_last(layer.input),
        "output": _channels_last(vector if layer.kind == LINEAR else layer.output),
        "kernel": layer.kernel,
        "stride": layer.stride,
    }


def _channels_last(shape: Shape) -> tuple[int, int, int]:
    channels, height, width = shape
    return height, width, channels
