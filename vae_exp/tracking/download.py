"""A run folder from the artifacts of an MLflow run, which may be untrusted."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vae_exp.errors import UserError, short
from vae_exp.storage import files
from vae_exp.storage.files import LARGEST_TEXT
from vae_exp.tracking import address
from vae_exp.tracking.store import Store, configured_store, import_client
from vae_exp.tracking.talk import probe, reason
from vae_exp.tracking.waiting import patiently

if TYPE_CHECKING:
    import requests

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

PROXIED = "/api/2.0/mlflow-artifacts/artifacts"
"""Where a tracking server hands out artifacts that it keeps itself."""
CHUNK = 2**18
"""Bytes that are waited for at a time."""


def fetch_run(run_id: str, destination: Path) -> Path:
    """Download what makes a run folder from the configured tracking server into `destination`, and return it.

    Raises UserError when there is no such run, it holds no configuration, or a file is too large, a link or
    not where the run's artifacts are. A server that falls silent is given up.
    """
    store = configured_store()
    if store.database and not store.database.exists():
        raise UserError(f"{store.database} does not exist; go to the folder that has it or set {address.URI}")
    import_client()  # takes seconds, in which no server is silent
    try:
        probe(store)
        return patiently(lambda answered: _Download(run_id, store, destination, answered).fetch())
    except UserError:
        raise
    except Exception as error:  # a server may answer anything, and its library may be missing
        raise UserError(f"MLflow run {run_id} can't be read from {store.shown}: {reason(error)}") from None


class _Download:
    """One run of a tracking server, which may be untrusted, on its way into a folder."""

    def __init__(self, run_id: str, store: Store, destination: Path, answered: Callable[[], None]) -> None:
        self.run_id, self.store, self.destination, self.answered = run_id, store, destination, answered

    def fetch(self) -> Path:
        """Download what is wanted and there."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with self.store.opening():
            client = import_client()(tracking_uri=self.store.uri)
            self.uri = str(client.get_run(self.run_id).info.artifact_uri)
        self.answered()
        try:
            self.place = address.artifact(self.uri)
        except UserError as error:
            raise UserError(f"MLflow run {self.run_id}: {error}") from None
        # MLflow's client asks for the run's address again, and the server could answer another one.
        self.artifacts = get_artifact_repository(self.uri, tracking_uri=self.store.uri)
        sizes = self._sizes()
        if "config.yaml" not in sizes:
            rule = "must have config.yaml among its artifacts; it is no run of vae_exp"
            raise UserError(f"MLflow run {self.run_id} {rule}")
        self.destination.mkdir(parents=True, exist_ok=True)
        for name, size in sizes.items():
            self._require_size(name, size)
        for name in sizes:
            target = self.destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            self._download(name, target)
        return self.destination

    def _sizes(self) -> dict[str, int | None]:
        """Return the size in bytes, as the store says, of each file that is wanted and there."""
        infos = [*self.artifacts.list_artifacts(), *self.artifacts.list_artifacts("checkpoints")]
        self.answered()
        return {info.path: info.file_size for info in infos if not info.is_dir and info.path in WANTED}

    def _require_size(self, name: str, size: int | None) -> None:
        if size is None or size > WANTED[name]:
            rule = f"{name} must have at most {WANTED[name]} bytes"
            raise UserError(f"MLflow run {self.run_id}: {rule}, got {'more, or no size' if size is None else size}")

    def _download(self, name: str, target: Path) -> None:
        """Write one artifact to `target`. What a server hands out is counted: it may have said another size."""
        if self.place.scheme in ("file", ""):
            root = address.folder(self.place, self.uri)
            files.refuse_links(root, name)
            with files.open_file(root / name) as source:
                self._write(name, target, iter(lambda: source.read(CHUNK), b""))
        elif self.place.scheme == "mlflow-artifacts":
            with contextlib.closing(self._ask(name)) as answer:
                self._write(name, target, iter(lambda: answer.raw.read(CHUNK, decode_content=False), b""))
        else:  # a cloud's own listing says how large its files are
            with tempfile.TemporaryDirectory(dir=target.parent) as place:
                Path(self.artifacts.download_artifacts(name, place)).replace(target)  # type: ignore[no-untyped-call]
            self._require_size(name, target.stat().st_size)

    def _ask(self, name: str) -> requests.Response:
        """Return the server's answer before its content, which must not be packed: 1 MB of gzip can be 1 GB."""
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        where = f"{PROXIED}{self.place.path}/{name}"
        plain = {"Accept-Encoding": "identity"}
        server = get_default_host_creds(self.store.uri)  # type: ignore[no-untyped-call]  # as MLflow has it
        answer: requests.Response = http_request(  # type: ignore[no-untyped-call]  # as MLflow has it
            server, where, "GET", stream=True, extra_headers=plain
        )
        self.answered()
        answer.raise_for_status()
        if (packed := answer.headers.get("Content-Encoding", "identity")) != "identity":
            raise UserError(f"MLflow run {self.run_id}: {name} must be sent as it is, got {short(packed)}")
        return answer

    def _write(self, name: str, target: Path, chunks: Iterator[bytes]) -> None:
        size = 0
        with target.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                self._require_size(name, size if size <= WANTED[name] else None)
                file.write(chunk)
                self.answered()
