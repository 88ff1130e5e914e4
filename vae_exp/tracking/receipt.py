"""`mlflow.json`: what each tracking server has of a folder, so that it goes on there and nothing is sent twice."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_exp.errors import UserError, short
from vae_exp.storage import files

VERSION = 1
"""Version of the layout of `mlflow.json`."""


@dataclass
class Receipt:
    """What one server has of this folder."""

    experiment: str
    label: str
    sweep: str | None
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    """A tag of the run: what shows that the run is this folder's, also when its number did not reach us."""
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    """Milliseconds since 1970."""
    experiment_id: str | None = None
    run_id: str | None = None
    epochs: int = 0
    """Records of `metrics.jsonl` that the server has."""
    files: dict[str, list[int]] = field(default_factory=dict)
    """Artifacts that the server has, each with the size and the time of change of the file that was sent."""
    ended: list[Any] = field(default_factory=list)
    """State and time (seconds since 1970) of the `status.json` up to which everything was sent."""


def read(folder: Path) -> dict[str, Receipt]:
    """Return the receipts by server; raise UserError, naming the file, when it is damaged."""
    file = _file(folder)
    if not file.exists():
        return {}
    content = files.read_json(file)
    if content.get("version") != VERSION or not isinstance(content.get("shown"), dict):
        raise UserError(f"{file} must be of version {VERSION}, got {content.get('version')!r}")
    return {uri: _parse(saved, file) for uri, saved in content["shown"].items()}


def write(folder: Path, uri: str, receipt: Receipt) -> None:
    """Put down what one server has, beside what others have."""
    try:
        shown = read(folder)
    except UserError:  # it was named when the run began
        shown = {}
    shown[uri] = receipt
    content = {"version": VERSION, "shown": {uri: dataclasses.asdict(each) for uri, each in shown.items()}}
    files.write_text(_file(folder), json.dumps(content, indent=1) + "\n")


def _file(folder: Path) -> Path:
    return folder / "mlflow.json"


_TYPES: dict[str, Any] = {
    "experiment": str,
    "label": str,
    "sweep": str | None,
    "token": str,
    "started": int,
    "experiment_id": str | None,
    "run_id": str | None,
    "epochs": int,
    "files": dict,
    "ended": list,
}


def _parse(saved: object, file: Path) -> Receipt:
    if not isinstance(saved, dict) or saved.keys() != _TYPES.keys():
        raise UserError(f"{file}: each server must have {', '.join(_TYPES)}")
    for key, kind in _TYPES.items():
        if not isinstance(saved[key], kind):
            raise UserError(f"{file}: {key} must not be {short(saved[key])}")
    if saved["epochs"] < 0:  # would be counted from the end
        raise UserError(f"{file}: epochs must be at least 0, got {saved['epochs']}")
    if not re.fullmatch(r"[0-9a-f]{32}", saved["token"]):
        raise UserError(f"{file}: token must have 32 hexadecimal digits, got {short(saved['token'])}")
    return Receipt(**saved)
