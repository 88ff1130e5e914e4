"""Download a run or a model from an MLflow server, which may be untrusted."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vae_exp.errors import UserError, short
from vae_exp.storage import files
from vae_exp.storage.files import LARGEST_TEXT
from vae_exp.tracking import address
from vae_exp.tracking.messages import probe, reason
from vae_exp.tracking.store import Store, configured_store, import_client
from vae_exp.tracking.waiting import call_with_timeout

if TYPE_CHECKING:
    import requests
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
"""The only files that are requested of a run, with their largest size in bytes. The run's file names are never used."""
WANTED_OF_A_MODEL = {"data/config.json": LARGEST_TEXT, "data/model.safetensors": LARGEST_WEIGHTS}
"""The same for a model. MLflow's own description of it could name code to run, and is never read."""

PROXIED = "/api/2.0/mlflow-artifacts/artifacts"
"""The path at which a tracking server serves its artifacts."""
MODEL = r"models:/(?:(m-[0-9a-f]{32})|([^/@]+)(?:@([^/@]+)|/(\d{1,9})))"
"""How MLflow names a model: by its id, or by a registered name with an alias or a version."""
CHUNK = 2**18
"""Bytes that are waited for at a time."""


def fetch_run(run_id: str, destination: Path) -> Path:
    """Download the run folder of an MLflow run from the configured store into `destination`, and return it.

    Raises UserError when the run doesn't exist or has no configuration, when a file is too large, a link or outside
    the run's artifacts, and when the server stops answering.
    """
    return _fetch(f"MLflow run {run_id}", WANTED, lambda client: client.get_run(run_id).info.artifact_uri, destination)


def fetch_model(address_of_model: str, destination: Path) -> Path:
    """Download a model's weights and configuration into `destination`; return the folder that `load_export` reads.

    The address is `models:/<name>@<alias>`, `models:/<name>/<version>` or `models:/<model id>`. Raises UserError as
    `fetch_run` does.
    """
    found = re.fullmatch(MODEL, address_of_model)
    if found is None:
        rule = "a model must be models:/NAME@ALIAS, models:/NAME/VERSION or models:/ID"
        raise UserError(f"{rule}, got {short(address_of_model)}")
    model_id, name, alias, version = found.groups()

    def place(client: MlflowClient) -> str:
        if model_id:
            return str(client.get_logged_model(model_id).artifact_location)
        number = version or client.get_model_version_by_alias(name, alias).version
        return str(client.get_model_version_download_uri(name, number))

    return _fetch(f"MLflow model {address_of_model}", WANTED_OF_A_MODEL, place, destination) / "data"


def _fetch(what: str, wanted: dict[str, int], place: Callable[[MlflowClient], str], destination: Path) -> Path:
    store = configured_store()
    if store.database and not store.database.exists():
        raise UserError(f"{store.database} does not exist; go to the folder that has it or set {address.URI}")
    import_client()  # takes seconds, which don't count as the server's silence
    try:
        probe(store)
        return call_with_timeout(lambda answered: _Download(what, wanted, store, destination, answered).fetch(place))
    except UserError:
        raise
    except Exception as error:  # a server may answer anything, and its library may be missing
        raise UserError(f"{what} can't be read from {store.shown}: {reason(error)}") from None


class _Download:
    """Downloads files of a tracking server, which may be untrusted, into a folder."""

    def __init__(
        self, what: str, wanted: dict[str, int], store: Store, destination: Path, answered: Callable[[], None]
    ) -> None:
        """`wanted` holds the names to download with their largest sizes in bytes; the first must exist."""
        self.what, self.wanted, self.store = what, wanted, store
        self.destination, self.answered = destination, answered

    def fetch(self, place: Callable[[MlflowClient], str]) -> Path:
        """Download the wanted files that exist."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with self.store.opening():
            self.uri = str(place(import_client()(tracking_uri=self.store.uri)))
        self.answered()
        try:
            self.place = address.artifact(self.uri)
        except UserError as error:
            raise UserError(f"{self.what}: {error}") from None
        # MLflow's client requests the address again, and the server could answer with another one.
        self.artifacts = get_artifact_repository(self.uri, tracking_uri=self.store.uri)
        sizes, first = self._sizes(), next(iter(self.wanted))
        if first not in sizes:
            raise UserError(f"{self.what} must have {first} among its artifacts; it is not from vae_exp")
        self.destination.mkdir(parents=True, exist_ok=True)
        for name, size in sizes.items():
            self._require_size(name, size)
        for name in sizes:
            target = self.destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            self._download(name, target)
        return self.destination

    def _sizes(self) -> dict[str, int | None]:
        """Return the size in bytes that the store reports for each wanted file that exists."""
        folders = dict.fromkeys(name.rpartition("/")[0] for name in self.wanted)
        infos = [info for folder in folders for info in self.artifacts.list_artifacts(folder or None)]
        self.answered()
        return {info.path: info.file_size for info in infos if not info.is_dir and info.path in self.wanted}

    def _require_size(self, name: str, size: int | None) -> None:
        if size is None or size > self.wanted[name]:
            rule = f"{name} must have at most {self.wanted[name]} bytes"
            raise UserError(f"{self.what}: {rule}, got {'more, or no size' if size is None else size}")

    def _download(self, name: str, target: Path) -> None:
        """Write one artifact to `target`. Received bytes are counted: the reported size may be wrong."""
        if self.place.scheme in ("file", ""):
            root = address.folder(self.place, self.uri)
            files.refuse_links(root, name)
            with files.open_file(root / name) as source:
                self._write(name, target, iter(lambda: source.read(CHUNK), b""))
        elif self.place.scheme == "mlflow-artifacts":
            with contextlib.closing(self._ask(name)) as answer:
                self._write(name, target, iter(lambda: answer.raw.read(CHUNK, decode_content=False), b""))
        else:  # the listing of a cloud store is trusted for sizes
            with tempfile.TemporaryDirectory(dir=target.parent) as place:
                Path(self.artifacts.download_artifacts(name, place)).replace(target)  # type: ignore[no-untyped-call]
            self._require_size(name, target.stat().st_size)

    def _ask(self, name: str) -> requests.Response:
        """Return the server's response before its body, which must not be compressed: 1 MB of gzip can be 1 GB."""
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
            raise UserError(f"{self.what}: {name} must be sent uncompressed, got {short(packed)}")
        return answer

    def _write(self, name: str, target: Path, chunks: Iterator[bytes]) -> None:
        size = 0
        with target.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                self._require_size(name, size if size <= self.wanted[name] else None)
                file.write(chunk)
                self.answered()
