"""What a finished model is worth, beyond its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vae_exp.config import Config
from vae_exp.data import Splits
from vae_exp.models import Vae


def measure(model: Vae, splits: Splits, config: Config, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the final measures by name."""
    raise NotImplementedError
