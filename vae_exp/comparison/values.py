"""Values of swept keys as text, as short as possible without being ambiguous."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from vae_exp.config.identity import format_value

MISSING = "–"
"""The value of a key that belongs to another option than the chosen one, such as `optimizer.momentum` of `adam`."""
FEWEST, ALL = 4, 17
"""Significant digits of a number: a search proposes numbers with all of them."""


def texts_of(values: Iterable[Any]) -> list[str]:
    """Return each value as on the command line; a float has four digits, or as many as distinguish it from the others.

    >>> texts_of([0.004285843683559294, 0.0042858, 0.25, None])
    ['0.00428584', '0.0042858', '0.25', 'null']
    """
    found = list(values)
    short = _shortened({value for value in found if type(value) is float})
    return [short[value] if type(value) is float else format_value(value) for value in found]


def _shortened(numbers: Collection[float]) -> dict[float, str]:
    found: dict[float, str] = {}
    left = numbers
    for digits in range(FEWEST, ALL + 1):
        texts = {number: str(float(f"{number:.{digits}g}")) for number in left}
        counts = Counter(texts.values())
        found |= texts
        left = [number for number in left if counts[texts[number]] > 1]
    return found
