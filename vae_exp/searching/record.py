"""`search.json`: the space and the options of a search. Its results are only in the run folders.

It holds the complete configuration of each combination of groups, so that a search resumes without composing again,
even if YAML files have changed. The file may be untrusted: its values are data.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import msgspec

from vae_exp.config import Config
from vae_exp.config.defaults import fill_defaults
from vae_exp.config.identity import differences, identity
from vae_exp.config.rules import require
from vae_exp.config.saved import load_config, with_values
from vae_exp.errors import UserError, short
from vae_exp.searching.grammar import override_value
from vae_exp.searching.options import FILE, MAY_CHANGE, PREFIX, Options
from vae_exp.searching.space import Choice, Interval, Point, Space
from vae_exp.storage import files
from vae_exp.storage.plan import OVERRIDE

VERSION = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `search.json`."""

    version: int = VERSION
    options: Options
    space: Space
    seeds: list[int]
    """The seeds that each trial runs with."""
    fixed: list[str]
    """The overrides that all trials share."""
    data: str | None = None
    """SHA-256 of the data that all trials have."""
    bases: dict[str, dict[str, Any] | str]
    """The complete configuration of each combination of groups, to which the values of the other keys are applied; for
    an invalid combination, the rule that it breaks."""

    def config(self, point: Point, seed: int) -> Config:
        """Return the complete configuration of a run; raise UserError when it breaks a rule."""
        base = self.bases[base_name(self.space, point)]
        if isinstance(base, str):
            raise UserError(base)
        config = with_values(load_config(base, "search.json"), plain_values(self.space, point) | {"seed": seed})
        return fill_defaults(config, threads=1)  # so that every launcher gives the same bits

    @property
    def base(self) -> dict[str, Any]:
        """Return the first complete configuration."""
        return next(base for base in self.bases.values() if isinstance(base, dict))

    def overrides(self, point: Point, seed: int) -> list[str]:
        """Return the overrides of a command that trains this run alone."""
        given = [*self.fixed, *(f"{key}={value}" for key, value in point.items()), f"seed={seed}"]
        return given if any(text.startswith("trainer.threads=") for text in given) else [*given, "trainer.threads=1"]

    def rungs(self) -> list[int]:
        """Return the epochs of the rungs."""
        return self.options.rungs(self.base["trainer"]["epochs"])


def groups(space: Space) -> list[Choice]:
    """Return the searched keys that select options of a group."""
    return [each for each in space.dimensions if isinstance(each, Choice) and each.is_group]


def base_name(space: Space, point: Point) -> str:
    """Return the name of a combination of groups, `model=mlp optimizer=adam`; empty when none is searched."""
    return " ".join(f"{each.key}={point[each.key]}" for each in groups(space))


def plain_values(space: Space, point: Point) -> dict[str, Any]:
    """Return the values of a point by their dotted keys, without those that select a group's option."""
    chosen = {each.key for each in groups(space)}
    texts = {key.lstrip("+"): text for key, text in point.items() if key not in chosen}
    return {key: override_value(text) for key, text in texts.items()}


def record_file(folder: Path) -> Path:
    """Return the path of `search.json` in a folder."""
    return folder / FILE


def write(folder: Path, record: Record) -> None:
    """Write `search.json`. The caller must hold the folder's lock."""
    files.make_folder(folder)
    files.write_json(record_file(folder), record)


def read(folder: Path) -> Record:
    """Return the search of a folder; raise UserError, naming the key, when the file is damaged."""
    file = record_file(folder)
    record = files.read_record(file, Record)
    if record.version != VERSION:
        raise UserError(f"{file} must be of version {VERSION}, got {record.version}")
    for text in [*(f"{key}=" for key in record.space.keys), *record.fixed]:
        if not re.fullmatch(OVERRIDE, text):
            raise UserError(f"{file} must have overrides like model.latent_dim=2, got {short(text)}")
    listed = [each for each in record.space.dimensions if not isinstance(each, Interval)]
    for text in (value for each in listed for value in each.values):
        if "${" in text or not text.isprintable():
            raise UserError(f"{file} must have plain values, got {short(text)}")
    return record


def match(folder: Path, asked: Record) -> Record:
    """Return the requested search, which begins or continues the search of the folder.

    Raises UserError, naming the keys, when the folder's search differs in more than `trials`, `leave_out`, and what may
    change in any run, such as the folder of the data.
    """
    if not record_file(folder).exists():
        return asked
    known = read(folder)
    names = [*_differing_options(known, asked), *_differing_keys(known, asked), *_differing_data(known, asked)]
    if names:
        raise UserError(f"the folder holds a search with other values of {', '.join(names)}; choose another folder")
    before, now = known.options.trials or 0, asked.options.trials or 0
    require(now >= before, f"{PREFIX}trials", f"at least {before}, as requested before", now)
    left_out = sorted({*known.options.leave_out, *asked.options.leave_out})
    return replace_options(asked, dataclasses.replace(asked.options, leave_out=left_out))


def with_root(record: Record, root: str | None) -> Record:
    """Return the same search with the caller's folder of data, if one is given.

    Raises UserError if one must be, since the data was given from Python or nothing says what is in its folder, and
    where it holds other images. The record may be untrusted, and name a folder with the caller's own pictures.
    """
    if root is None and record.data is None and record.base["data"].get("root") is not None:
        raise UserError("search.json has no digest of its data, so its folder is not read; give yours: data.root=…")
    if root is not None:
        bases = {name: base if isinstance(base, str) else _moved(base, root) for name, base in record.bases.items()}
        record = msgspec.structs.replace(record, bases=bases)
    require_data(record)
    return record


def require_data(record: Record) -> None:
    """Raise UserError unless the data of a search is here, and is the data that it began with."""
    from vae_exp.preparation import check  # imports torch

    found = check(load_config(record.base, "search.json")).digest
    if record.data not in (None, found):
        raise UserError(f"data.root must hold the data of this search, got other images: {record.base['data']['root']}")


def _moved(base: dict[str, Any], root: str) -> dict[str, Any]:
    return base | {"data": base["data"] | {"root": root}}


def replace_options(record: Record, options: Options) -> Record:
    """Return the same search with other options."""
    return msgspec.structs.replace(record, options=options)


def _differing_options(known: Record, asked: Record) -> list[str]:
    before, now = vars(known.options), vars(asked.options)
    return [f"{PREFIX}{key}" for key in now if key not in MAY_CHANGE and now[key] != before[key]]


def _differing_data(known: Record, asked: Record) -> list[str]:
    return ["its images (data.root)"] if known.data not in (None, asked.data) else []


def _differing_keys(known: Record, asked: Record) -> list[str]:
    before, now = ({each.key: each for each in record.space.dimensions} for record in (known, asked))
    searched = [key for key in before | now if before.get(key) != now.get(key)]
    if searched or known.seeds != asked.seeds:
        return searched or ["seed"]
    fixed = differences(_kept(known.base), _kept(asked.base))
    return sorted({line.partition(":")[0] for line in fixed} - before.keys())


def _kept(base: dict[str, Any]) -> dict[str, Any]:
    return identity(base) | {"trainer.epochs": base["trainer"]["epochs"]}
