"""Numbers with their standard errors, as `final.json` holds them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def estimate(name: str, values: Tensor) -> dict[str, float]:
    """Return the mean of independent values (N,) as `name` and its standard error s/√N as `name_se`.

    One value alone has no standard error.
    """
    values = values.to("cpu", torch.float64)
    found = {name: float(values.mean())}
    if len(values) > 1:
        found[f"{name}_se"] = float(values.std()) / math.sqrt(len(values))
    return found
