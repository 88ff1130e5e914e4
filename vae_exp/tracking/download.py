"""A run folder from the artifacts of an MLflow run, which may be a stranger's."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import url2pathname

from vae_exp.errors import UserError
from vae_exp.storage.files import LARGEST_TEXT
from vae_exp.tracking.store import callers_store, import_client
from vae_exp.tracking.talk import probe, reason

if TYPE_CHECKING:
    from mlflow import MlflowClient

LARGEST_WEIGHTS = 4 * 2**30
"""Bytes of a weights file above which it is not downloaded."""

WANTED = {
    "config.yaml": LARGEST_TEXT,
    "environment.json": LARGEST_TEXT,
    "status.json": LARGEST_TEXT,
    "metrics.jsonl": LARGEST_TEXT,
    "final.json": LARGEST_TEXT,
    "checkpoints/best.safetensors": LARGEST_WEIGHTS,
    "checkpoints/last.safetensors": LARGEST_WEIGHTS,
}
"""All that is ever asked for, each with its largest size in bytes. Names that a run brings are never used."""

PLACES = ("mlflow-artifacts", "file", "", "s3", "gs", "wasbs", "abfss", "dbfs")
"""Kinds of artifact stores. A run that says `http://…` would make this machine call an address of its choice."""


def fetch_run(run_id: str, destination: Path) -> Path:
    """Download what makes a run folder from the caller's tracking server into `destination`, and return it.

    Raises UserError when there is no such run, it holds no configuration, or a file is too large, a link or
    not where the run's artifacts are.
    """
    client, uri = _find(run_id)
    if urlparse(uri).scheme not in PLACES:
        raise UserError(
            f"MLflow run {run_id}: artifacts must be in one of {', '.join(filter(None, PLACES))}, got {uri!r}"
        )
    sizes = _sizes(client, run_id)
    if "config.yaml" not in sizes:
        raise UserError(f"MLflow run {run_id} must have config.yaml among its artifacts; it is no run of vae_exp")
    destination.mkdir(parents=True, exist_ok=True)
    for name in WANTED.keys() & sizes.keys():
        _check_size(run_id, name, sizes[name])
    for name in WANTED.keys() & sizes.keys():
        target = destination / name
        target.parent.mkdir(exist_ok=True)
        _download(client, run_id, uri, name, target)
        _check_size(run_id, name, target.stat().st_size)
    return destination


def _find(run_id: str) -> tuple[MlflowClient, str]:
    """Return a client and the place of the run's artifacts."""
    store = callers_store()
    if store.database and not store.database.exists():
        raise UserError(f"{store.database} does not exist; go to the folder that has it or set MLFLOW_TRACKING_URI")
    client_class = import_client()
    from mlflow.exceptions import MlflowException

    try:
        probe(store)
        with store.opening():
            client = client_class(tracking_uri=store.uri)
            return client, str(client.get_run(run_id).info.artifact_uri)
    except (MlflowException, OSError) as error:
        raise UserError(f"MLflow run {run_id} can't be read from {store.shown}: {reason(error)}") from None


def _sizes(client: MlflowClient, run_id: str) -> dict[str, int | None]:
    """Return the size in bytes, as the store tells it, of each file that is wanted and there."""
    from mlflow.exceptions import MlflowException

    try:
        infos = [*client.list_artifacts(run_id), *client.list_artifacts(run_id, "checkpoints")]
    except (MlflowException, OSError) as error:
        raise UserError(f"MLflow run {run_id}: artifacts can't be listed: {reason(error)}") from None
    return {info.path: info.file_size for info in infos if not info.is_dir and info.path in WANTED}


def _check_size(run_id: str, name: str, size: int | None) -> None:
    if size is None or size > WANTED[name]:
        raise UserError(f"MLflow run {run_id}: {name} must have at most {WANTED[name]} bytes, got {size}")


def _download(client: MlflowClient, run_id: str, uri: str, name: str, target: Path) -> None:
    """Write one artifact to `target`. From a folder it is copied here, so that no link is followed."""
    from mlflow.exceptions import MlflowException

    parsed = urlparse(uri)
    try:
        if parsed.scheme in ("file", ""):
            root = Path(url2pathname(parsed.path) if parsed.scheme else uri)
            shutil.copyfile(_regular(root, name), target)
            return
        with tempfile.TemporaryDirectory(dir=target.parent) as place:
            Path(client.download_artifacts(run_id, name, place)).replace(target)
    except (MlflowException, OSError) as error:
        raise UserError(f"MLflow run {run_id}: {name} can't be read: {reason(error)}") from None


def _regular(root: Path, name: str) -> Path:
    """Return a file below `root`; raise UserError where a link on the way could lead out of it."""
    file = root / name
    for part in (file, file.parent) if file.parent != root else (file,):
        if part.is_symlink():
            raise UserError(f"{part} must be no link: it could name any file of this machine")
    return file
