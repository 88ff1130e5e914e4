"""What MLflow calls the numbers of a run. Its page sorts charts by name, and draws bars of what has step 0 alone.

So the losses come first, in one section, and the final measures are bars, in another. Version 0.1 sent the names of
`metrics.jsonl` and `final/…` at the last epoch; a run that began with them keeps them.
"""

from __future__ import annotations

import re
from typing import Literal

Names = Literal[1, 2]
CURRENT: Names = 2
MEASURES = "measures"
"""The section of the final measures; it comes after all that begin with `loss`."""
TERMS = ("reconstruction", "kl")
"""The parts of the loss: their sections are next to its own."""


def of_epoch(key: str, names: Names = CURRENT) -> str:
    """Return `loss/val` for `val/loss`, and `loss_kl/val` for `val/kl`."""
    split, slash, measure = key.partition("/")
    if names == 1 or not slash:
        return key
    return f"loss_{measure}/{split}" if measure in TERMS else f"{measure}/{split}"


def of_measure(key: str, names: Names = CURRENT) -> str:
    """Return `measures/test_loss` for `test/loss`."""
    name = re.sub(r"[^A-Za-z0-9_\-. /]", "-", key)  # MLflow takes no others in a metric's name
    return f"final/{name}" if names == 1 else f"{MEASURES}/{name.replace('/', '_')}"


def step_of_measures(epochs: int, names: Names = CURRENT) -> int:
    """Return the step of a run's final measures: 0, of which MLflow draws a bar and no line of one dot."""
    return epochs if names == 1 else 0
