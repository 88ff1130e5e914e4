"""The configured store: a tracking server or a database, and how to open it safely."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vae_exp.errors import UserError
from vae_exp.machine.environment import working_folder
from vae_exp.storage.lock import acquire
from vae_exp.tracking import address

if TYPE_CHECKING:
    from mlflow import MlflowClient

LONGEST_LOCKED = 30.0
"""Seconds that another process may take to create or open a database file."""

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Settings that turn off MLflow's telemetry and its messages on the terminal."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""With MLflow's own settings one call to a dead server takes four minutes. The tracker retries instead."""


@dataclass(frozen=True)
class Store:
    """A tracking server, or a database that this process opens."""

    uri: str

    @property
    def shown(self) -> str:
        """The address without passwords, for files and messages."""
        return address.shown(self.uri)

    @property
    def is_server(self) -> bool:
        """Whether it is reached through HTTP."""
        return self.uri.startswith(("http", "databricks"))

    @property
    def is_address(self) -> bool:
        """Whether plain HTTP reaches it."""
        return self.uri.startswith("http")

    @property
    def database(self) -> Path | None:
        """The file of an SQLite database."""
        return address.database(self.uri)

    def version(self) -> tuple[int, int] | None:
        """Return an identifier that changes when the database file is replaced; None when it is missing or empty."""
        try:
            status = self.database.stat() if self.database else None
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status and status.st_size else None

    def artifacts(self) -> str | None:
        """Return the artifact location of a new experiment; None when the server decides."""
        if self.is_server:
            return None
        folder = self.database.parent if self.database else working_folder()
        return (folder / "mlartifacts").as_uri()

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """Lock a database file: a new one is damaged when several processes open it at once."""
        if self.database is None:
            yield
            return
        self.database.parent.mkdir(parents=True, exist_ok=True)
        file = self.database.with_name(f"{self.database.name}.lock")
        lock = acquire(file, LONGEST_LOCKED)
        if lock is None:
            raise TimeoutError(f"another process holds {file}")
        try:
            yield
        finally:
            lock.release()


def configured_store() -> Store:
    """Return the store of MLFLOW_TRACKING_URI, or `mlflow.db` in the folder where the command was started."""
    uri = address.configured()
    file = address.database(uri) if uri else working_folder() / "mlflow.db"
    return Store(address.sqlite(file.absolute()) + address.options(uri) if file else uri)


def import_client() -> type[MlflowClient]:
    """Import MLflow, which takes seconds, without its messages."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic", "sqlalchemy"):  # a locked database prints 40 lines of traceback and SQL
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return MlflowClient


def be_quick() -> None:
    """Set short timeouts for calls to a server, unless the user has set them."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)


def open_experiment(store: Store, name: str) -> tuple[MlflowClient, str]:
    """Open the store; return a client and the id of the experiment, which is created if necessary.

    The experiment has its own artifact folder: MLflow's default depends on the working directory of its first user.
    Raises MlflowException, or UserError when the experiment was deleted.
    """
    client_class = import_client()
    from mlflow.exceptions import MlflowException

    with store.opening():
        _make_whole(store, client_class)
        client = client_class(tracking_uri=store.uri)
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client, client.create_experiment(name, artifact_location=store.artifacts())
            except MlflowException:  # another process may have created it meanwhile
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
    if found.lifecycle_stage != "active":
        rule = "restore it there or give another name as tracking.experiment=NAME"
        raise UserError(f"tracking.experiment: {name!r} was deleted in MLflow; {rule}")
    return client, found.experiment_id


def _make_whole(store: Store, client_class: type[MlflowClient]) -> None:
    """Create a missing database file under a temporary name, and rename it when all tables exist.

    A process that is stopped while MLflow creates the tables would leave a database that never works again.
    """
    if store.database is None or store.version():
        return
    began = store.database.with_name(f".{store.database.name}.{secrets.token_hex(4)}.tmp")
    client_class(tracking_uri=address.sqlite(began)).search_experiments(max_results=1)
    began.replace(store.database)
