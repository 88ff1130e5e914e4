"""Estimates with their errors, as in `final.json`."""

from __future__ import annotations

import logging
import math
from typing import Any

from torch import Tensor

Z = 1.959964
"""The standard normal's 97.5 % quantile."""

log = logging.getLogger(__name__)


def estimate(name: str, values: Tensor) -> dict[str, float]:
    """Return the mean of independent values (N,) as `name` and its standard error s/√N as `name_se`.

    A single value has no standard error.
    """
    values = values.cpu().double()
    found = {name: float(values.mean())}
    if len(values) > 1:
        found[f"{name}_se"] = float(values.std()) / math.sqrt(len(values))
    return found


def proportion(name: str, hits: Tensor) -> dict[str, Any]:
    """Return the share of hits (N,) as `name` and its 95 % interval as `name_interval`, `[low, high]`.

    Wilson's interval (1927, JASA 22) has a width where all or none are hits, unlike the standard error:
    (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²))/(1 + z²/n).

    >>> import torch
    >>> [round(bound, 3) for bound in proportion("accuracy", torch.ones(10))["accuracy_interval"]]
    [0.722, 1.0]
    """
    n, p = len(hits), float(hits.double().mean())
    middle, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = ((middle + side) / (1 + Z**2 / n) for side in (-half, half))
    return {name: p, f"{name}_interval": [max(0.0, low), min(1.0, high)]}


def leave_out(names: str, reason: str) -> None:
    """Log why measures are missing."""
    log.info("not measured: %s, since %s", names, reason)
