"""Choose the decoders of a page: the best run of each of the best configurations, up to a number of bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_exp.comparison.decoders.codes import codes
from vae_exp.comparison.decoders.decoder import bytes_of_weights, decoder
from vae_exp.comparison.decoders.layers import layers
from vae_exp.comparison.runs import Run
from vae_exp.comparison.table import Comparison
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError, one_line, printable
from vae_exp.geometry import Shape
from vae_exp.storage import checkpoint, records
from vae_exp.storage.checkpoint import Arrays, Damaged

MOST_BYTES = 3 * 10**6
"""Bytes of all decoders and codes in the page."""
MOST = 20
"""Configurations whose files are read, so that a page of a thousand runs is made as fast as one of twenty."""
NAMED = 3
"""Configurations that a sentence names before it counts."""


@dataclass(frozen=True)
class Decoders:
    """The decoders of a page."""

    found: list[dict[str, Any]]
    """JSON-compatible data, the best configuration first: see `Decodable` in `latent.js`."""
    notes: list[str]
    """What is left out and why, a sentence for each reason."""


def decoders(comparison: Comparison, most: int = MOST_BYTES) -> Decoders:
    """Return decoder and codes of the best run of each configuration, up to `most` bytes."""
    room, left = f"the page has room for {max(0, most) / 1e6:.2g} MB of decoders and codes", most
    place = {id(run): i for i, run in enumerate(comparison.runs)}
    found: list[dict[str, Any]] = []
    reasons: dict[str, list[str]] = {}
    looked_at = 0
    for row in comparison.foremost_rows:
        run = row.best(comparison.ranked_by)
        looked_at += run is not None
        try:
            if run is None:
                raise UserError("no run is finished")
            if looked_at > MOST:
                raise UserError("only the best configurations are decoded")
            data = _read(run, left, room)
        except UserError as error:
            reasons.setdefault(printable(one_line(error)), []).append(comparison.label(row))
        else:
            numbers = [place[id(each)] for each in row.runs]
            found.append({"run": place[id(run)], "runs": numbers, "label": comparison.run_label(run), **data})
            left -= len(json.dumps(data))
    return Decoders(found, [_sentence(reason, labels, comparison) for reason, labels in reasons.items()])


def _read(run: Run, most: int, room: str) -> dict[str, Any]:
    """Return decoder and codes of a finished run; raise UserError with the reason when there are none.

    `room` is the reason where they have more than `most` bytes.
    """
    config = load_config(run.folder.read_config() or {}, "config.yaml")
    network = layers(config.model, _image_shape(run))
    if bytes_of_weights(network) > most:
        raise UserError(room)
    weights, _ = _arrays(run.folder.weights_file("best"), records.Weights, "its weights were not kept")
    means, state = _arrays(run.folder.codes_file, records.Codes, "it has no codes, which version 0.1 did not save")
    read = {
        "decoder": decoder(config.model, network, weights),
        "codes": codes(means, state, config.model.latent_dim, config.figures.palette),
    }
    if len(json.dumps(read)) > most:
        raise UserError(room)
    return read


def _image_shape(run: Run) -> Shape:
    """Return the saved shape of a run's images."""
    environment = run.folder.read_environment()
    shape = environment.data.image_shape if environment else []
    if len(shape) != 3 or min(shape) < 1:
        raise UserError("environment.json has no shape of its images")
    channels, height, width = shape
    return channels, height, width


def _arrays(file: Path, kind: type, missing: str) -> tuple[Arrays, dict[str, Any]]:
    if not file.is_file():
        raise UserError(missing)
    try:
        return checkpoint.read_arrays(file, kind)
    except Damaged:
        raise UserError(f"{file.name} is damaged") from None


def _sentence(reason: str, labels: list[str], comparison: Comparison) -> str:
    """Return a sentence about configurations without a decoder, naming the first few."""
    named = labels[:NAMED] + ([f"{len(labels) - NAMED:,} more"] if len(labels) > NAMED else [])
    what = f" of {' and '.join([', '.join(named[:-1]), named[-1]] if named[1:] else named)}" if comparison.keys else ""
    return f"No decoder{what}: {reason}."
