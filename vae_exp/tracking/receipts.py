"""`mlflow.json`: what each tracking server has of a folder, so that nothing is sent twice."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from vae_exp.errors import UserError
from vae_exp.storage import files
from vae_exp.tracking import address
from vae_exp.tracking.names import CURRENT, Names

Ended = list[str | float | None]


class Receipt(msgspec.Struct):
    """What one server has of this folder."""

    experiment: str
    label: str
    sweep: str | None
    token: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    """A tag of the run that identifies it as this folder's, even if the server's answer with its id was lost."""
    started: int
    """Milliseconds since 1970."""
    experiment_id: str | None
    run_id: str | None
    epochs: Annotated[int, msgspec.Meta(ge=0)]
    """Number of records of `metrics.jsonl` that the server has."""
    files: dict[str, list[int]]
    """Artifacts that the server has, each with the size and the modification time of the sent file."""
    ended: Ended
    """State and time (seconds since 1970) of the `status.json` up to which everything was sent; empty before."""
    folder: str | None = None
    """Absolute path of the folder that the run was last sent from; None in files of version 0.1."""
    names: Names = 1
    """Which names its metrics have there (see `names`); version 0.1 noted none."""
    view: str | None = None
    """The saved view that a link to it opens: the sweep's or, of a run, the experiment's."""


class Receipts(msgspec.Struct):
    """`mlflow.json`."""

    version: Literal[1]
    """Version of the layout."""
    shown: dict[str, Receipt]
    """By the address of the server, without passwords."""


def new(experiment: str, label: str, sweep: str | None, folder: str | None = None) -> Receipt:
    """Return the receipt of a server that has nothing yet."""
    now = int(time.time() * 1000)
    return Receipt(experiment, label, sweep, new_token(), now, None, None, 0, {}, [], folder, CURRENT)


def new_token() -> str:
    """Return a token that no other folder has."""
    return secrets.token_hex(16)


def read(folder: Path) -> dict[str, Receipt]:
    """Return the receipts by server; raise UserError, naming the file, when it is damaged."""
    file = _file(folder)
    if not file.exists():
        return {}
    shown = files.read_record(file, Receipts).shown
    return {address.shown(uri): receipt for uri, receipt in shown.items()}  # version 0.1 kept a database's options


def find(folder: Path, uri: str) -> Receipt | None:
    """Return the receipt of one server; None if there is none, or the file is damaged."""
    try:
        return read(folder).get(uri)
    except UserError:
        return None


def write(folder: Path, uri: str, receipt: Receipt) -> None:
    """Write the receipt of one server; keep those of others."""
    try:
        shown = read(folder)
    except UserError:  # the error was reported when the run started
        shown = {}
    shown[uri] = receipt
    files.write_json(_file(folder), Receipts(1, shown))


def _file(folder: Path) -> Path:
    return folder / "mlflow.json"
