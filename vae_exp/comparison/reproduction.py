"""Compare a run with its reproduction: every epoch, the final measures, the weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import msgspec
import torch

from vae_exp.config.identity import differences, flatten
from vae_exp.storage import checkpoint, kept
from vae_exp.storage.checkpoint import Tensors
from vae_exp.storage.run_folder import RunFolder

TIMES = ("timestamp", "seconds")
"""Metrics that always differ."""
WEIGHTS = ("last", "best")


def metric_differences(old: RunFolder, new: RunFolder, tolerance: float = 0) -> list[str]:
    """Return the first differing metric of the first differing epoch, and the first differing final measure, if any.

    A metric that only one of the two versions measures is not a difference (see `measured_by_one`); a missing epoch is.
    Two numbers are the same when they differ by at most `tolerance` times the larger one; with 0, when they are equal.
    """
    epochs = _first(_epochs(old, new), tolerance)
    final = _first(_leaves(_final(old), _final(new), "final"), tolerance)
    return [*epochs, *final]


def measured_by_one(old: RunFolder, new: RunFolder) -> list[str]:
    """Return the metrics and final measures that only one of the runs has, because of its version, as lines."""
    pairs = (("measures", [_final(old)], [_final(new)]), ("epochs' metrics", old.records(), new.records()))
    found = []
    for what, before, after in pairs:
        one, other = ({key for values in side for key in flatten(values)} for side in (before, after))
        for which, keys in (("the origin", one - other), ("the new run", other - one)):
            found += (
                [f"only {which} has, among its {what}: {', '.join(sorted(keys))}"] if keys and one and other else []
            )
    return found


def _final(folder: RunFolder) -> dict[str, Any]:
    final = folder.read_final()
    return final.flat() if final else {}


def require_weights(folder: RunFolder) -> None:
    """Raise UserError unless the weights exist and are undamaged."""
    kept.require_weights(folder)
    for which in WEIGHTS:
        folder.read_weights(which)


def weight_differences(old: RunFolder, new: RunFolder) -> list[str]:
    """Return, for the last and the best weights, the first tensor that differs in a bit, and by how much."""
    found = []
    for which in WEIGHTS:
        before, after = _weights(old, which), _weights(new, which)
        for name in sorted(before.keys() | after.keys()):
            one, other = before.get(name, torch.empty(0)), after.get(name, torch.empty(0))
            if checkpoint.digest({name: one}) != checkpoint.digest({name: other}):
                found.append(f"{which} weights: {name} {_distance(one, other)}")
                break
    return found


def _weights(folder: RunFolder, which: str) -> Tensors:
    return folder.read_weights(which)[0]


def environment_differences(old: RunFolder, new: RunFolder) -> list[str]:
    """Return the differences between the runs' environments, in any session: `packages.torch: 2.13.0 → 2.15.0`."""
    here = _places(new)[-1]
    return list(dict.fromkeys(line for place in _places(old) for line in differences(place, here)))


def _epochs(old: RunFolder, new: RunFolder) -> Iterator[tuple[str, Any, Any]]:
    """Yield name and both values of every metric that both have, by epoch; for a missing epoch, of all metrics."""
    for number, (before, after) in enumerate(zip_longest(old.records(), new.records()), start=1):
        yield from _leaves(before or {}, after or {}, f"epoch {number}")


def _leaves(before: dict[str, Any], after: dict[str, Any], where: str) -> Iterator[tuple[str, Any, Any]]:
    one, other = flatten(before), flatten(after)
    for key in dict.fromkeys([*one, *other]):
        is_in_both = key in one and key in other
        if key not in TIMES and (is_in_both or not (one and other)):
            yield f"{where}: {key}", one.get(key), other.get(key)


def _first(values: Iterator[tuple[str, Any, Any]], tolerance: float) -> list[str]:
    return next(([_line(*value)] for value in values if not _same(value[1], value[2], tolerance)), [])


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if _is_number(one) and _is_number(other):
        return bool(abs(one - other) <= tolerance * max(abs(one), abs(other)))
    return bool(one == other)


def _line(name: str, one: Any, other: Any) -> str:
    if not (_is_number(one) and _is_number(other)):
        return f"{name} {'-' if one is None else one} → {'-' if other is None else other}"
    distance = abs(one - other)
    return f"{name} {one} → {other}, by {distance:.3g} (relative {distance / max(abs(one), abs(other)):.2g})"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _distance(one: torch.Tensor, other: torch.Tensor) -> str:
    if one.shape != other.shape:
        return f"{list(one.shape)} → {list(other.shape)}"
    return f"by up to {(one.double() - other.double()).abs().max().item():.3g}"


def _places(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the environment of each session of a run, by dotted key."""
    environment = folder.read_environment()
    sessions = [flatten(msgspec.to_builtins(session)) for session in (environment.sessions if environment else [])]
    return [{key: value for key, value in session.items() if key != "command"} for session in sessions]
