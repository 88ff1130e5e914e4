"""The learning curves of runs for the scripts of the report: subsampled, and as many as fit into the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from vae_exp.comparison.run_data import number
from vae_exp.comparison.runs import PER_EPOCH, Run
from vae_exp.comparison.table import Comparison

LOSSES = ("val/loss", "test/loss")
"""Curves that the page always has."""
MOST_POINTS = 100
"""Points of a curve: those that a chart of some hundred pixels can show."""
MOST_CURVES = 24
"""Kinds of curves: an untrusted run may have any number."""
DIGITS = 5


class Curves(NamedTuple):
    """The curves in the page."""

    data: dict[str, Any]
    """`epochs`: for each number of epochs the ones that are shown; `curves`: for each key the values of each run."""
    size: int
    """Bytes of the curves in the page."""
    notes: list[str]
    """What was thinned out or left out, a sentence each."""


def losses(comparison: Comparison) -> Curves:
    """Return the losses of all runs."""
    runs = comparison.runs
    curves = [_curve(runs, key) for key in _keys(runs) if key in LOSSES]
    counts = sorted({len(run.records) for run in runs})
    data = {"epochs": {str(count): _kept(count) for count in counts}, "curves": curves}
    notes = [f"A curve shows {MOST_POINTS} of up to {counts[-1]} epochs."] if counts[-1] > MOST_POINTS else []
    return Curves(data, sum(map(_size, curves)), notes)


def with_others(comparison: Comparison, first: Curves, most: int) -> Curves:
    """Return the losses and as many other curves as fit into `most` bytes more."""
    runs = comparison.runs
    curves, size, left_out = list(first.data["curves"]), 0, list[str]()
    for key in (key for key in _keys(runs) if key not in LOSSES):
        curve = _curve(runs, key)
        if size + _size(curve) > most:
            left_out.append(key)
        else:
            curves.append(curve)
            size += _size(curve)
    return Curves(first.data | {"curves": curves}, first.size + size, [*first.notes, *_left_out(left_out)])


def _size(curve: dict[str, Any]) -> int:
    return len(json.dumps(curve, separators=(",", ":")))


def _keys(runs: Sequence[Run]) -> list[str]:
    """Return the names of the metrics of an epoch, the losses first, without an objective that equals the loss."""
    found = dict.fromkeys(key for run in runs for record in run.records[:1] for key in record)
    keys = [key for key in found if key.startswith(PER_EPOCH) and not _is_repeated(runs, key)]
    place = {key: number for number, key in enumerate(LOSSES)}
    return sorted(keys, key=lambda key: (place.get(key, len(LOSSES)), key.endswith("/objective")))[:MOST_CURVES]


def _is_repeated(runs: Sequence[Run], key: str) -> bool:
    split, _, part = key.partition("/")
    loss = f"{split}/loss"
    return part == "objective" and all(record.get(key) == record.get(loss) for run in runs for record in run.records)


def _curve(runs: Sequence[Run], key: str) -> dict[str, Any]:
    values = [[number(run.records[epoch - 1].get(key), DIGITS) for epoch in _kept(len(run.records))] for run in runs]
    return {"key": key, "values": values}


def _kept(epochs: int) -> list[int]:
    """Return the epochs that a curve shows, evenly spaced, including the first and the last."""
    if epochs <= MOST_POINTS:
        return list(range(1, epochs + 1))
    return [int(epoch) for epoch in np.linspace(1, epochs, MOST_POINTS).round()]


def _left_out(keys: Sequence[str]) -> list[str]:
    names = ", ".join(key.replace("/", " ") for key in keys)
    return [f"Left out, so that the page stays small: the curves of {names}."] if keys else []
