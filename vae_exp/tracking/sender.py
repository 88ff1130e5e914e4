"""Send what is new in one run folder. Each step can be repeated without sending anything twice."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp.errors import UserError
from vae_exp.storage import metrics
from vae_exp.storage.records import State
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import content, receipts, views
from vae_exp.tracking.content import STATUS, Point
from vae_exp.tracking.copies import TOKEN, ended, find, is_complete, own_run
from vae_exp.tracking.inputs import data_inputs
from vae_exp.tracking.messages import say
from vae_exp.tracking.models import send_model
from vae_exp.tracking.names import CURRENT
from vae_exp.tracking.receipts import Receipt
from vae_exp.tracking.store import Store, open_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

LONGEST_BATCH = 1000
"""Points that MLflow accepts in one call."""


class Sender:
    """Sends one run folder to one tracking server."""

    def __init__(self, folder: RunFolder, store: Store, receipt: Receipt, answered: Callable[[], None]) -> None:
        """`receipt` is what the server has; `answered` is called after each of its answers."""
        self.folder, self.store, self.receipt, self.answered = folder, store, receipt, answered
        self.client: MlflowClient | None = None
        self.run_id = ""
        self.version: tuple[int, int] | None = None
        self.records = metrics.Reader(folder.metrics_file)

    def send(self, state: State | None = None) -> None:
        """Send everything that the server lacks; raise MLflow's exceptions.

        `state` is the run's state. Pass it when the caller holds the folder's lock, which is part of the state.
        """
        state = state or self.folder.state()
        end = ended(self.folder)
        if self.client is not None and self.store.version() != self.version:
            say(f"{self.store.database} was removed or replaced while in use; it is created again and gets everything")
            self.reopen()
        client = self._open()
        self._send_points(client)
        if state in ("running", "planned"):
            self._send_images(client)
            self._send_files(client, content.first_files(self.folder))
            return
        self._end(client, state)
        self.receipt.ended = end
        self._write_receipt()

    def _write_receipt(self) -> None:
        receipts.write(self.folder.path, self.store.shown, self.receipt)

    # --- the run ---------------------------------------------------------------------------------------------------

    def _open(self) -> MlflowClient:
        """Return a client, after finding or creating the run."""
        if self.client is None:
            client, self.receipt.experiment_id = open_experiment(self.store, self.receipt.experiment)
            self.answered()
            run = own_run(client, self.receipt, self.folder.path, find(client, self.receipt))
            self.answered()
            if run is None:
                self._create(client)
            else:
                self._continue(client, run)
            self.receipt.view = views.keep_experiment(client, str(self.receipt.experiment_id))
            self.client, self.version = client, self.store.version()
        return self.client

    def reopen(self) -> None:
        """Reopen the store before sending again, after a failure or when its database was removed or replaced."""
        client, self.client = self.client, None
        if client is not None and self.store.database:
            with contextlib.suppress(Exception):  # MLflow keeps one engine for each address, with the file it opened
                client._tracking_client.store.engine.dispose()

    def _create(self, client: MlflowClient) -> None:
        tags = {
            TOKEN: self.receipt.token,
            "mlflow.loggedImages": "true",
            **content.tags(self.folder, self.receipt.sweep),
        }
        self._clear_receipt()
        self.receipt.names = CURRENT
        self._write_receipt()
        run = client.create_run(str(self.receipt.experiment_id), self.receipt.started, tags, self.receipt.label)
        self.run_id = self.receipt.run_id = run.info.run_id
        self.answered()
        self._send_parameters(client)
        self._write_receipt()

    def _clear_receipt(self) -> None:
        """Clear the receipt of a run that no longer exists."""
        self.receipt.run_id, self.receipt.epochs, self.receipt.files, self.receipt.ended = None, 0, {}, []

    def _continue(self, client: MlflowClient, run: Run) -> None:
        if run.info.run_id != self.receipt.run_id:
            self._clear_receipt()
            self.run_id = self.receipt.run_id = run.info.run_id
            self._send_parameters(client)
        self.run_id = run.info.run_id
        if run.info.status != "RUNNING" and not is_complete(self.folder, self.receipt):
            client.update_run(self.run_id, status="RUNNING")
        if "error" in run.data.tags:
            client.delete_tag(self.run_id, "error")
        if self.receipt.folder and run.data.tags.get("folder") != self.receipt.folder:  # it was moved
            client.set_tag(self.run_id, "folder", self.receipt.folder, synchronous=True)
        self.answered()
        self._write_receipt()

    def _send_parameters(self, client: MlflowClient) -> None:
        from mlflow.entities import Param

        parameters = content.parameters(self.folder.read_config() or {}, content.overridden(self.folder))
        client.log_batch(self.run_id, params=[Param(*pair) for pair in parameters.items()], synchronous=True)
        self.answered()
        client.log_inputs(self.run_id, data_inputs(self.folder))
        self.answered()

    # --- the content -----------------------------------------------------------------------------------------------

    def _send_points(self, client: MlflowClient) -> None:
        records = self.records.update()
        if len(records) > self.receipt.epochs:
            self._log(client, content.points(records[self.receipt.epochs :], self.receipt.names))
            self.receipt.epochs = len(records)
            self._write_receipt()

    def _log(self, client: MlflowClient, points: list[Point], model_id: str | None = None) -> None:
        from mlflow.entities import Metric

        for batch in _batches([Metric(*point, model_id=model_id, run_id=self.run_id) for point in points]):
            client.log_batch(self.run_id, metrics=batch, synchronous=True)
            self.answered()

    def _send_images(self, client: MlflowClient) -> None:
        """Send the samples of each epoch as MLflow's `log_image` does, but under reproducible names."""
        times = {0: self.receipt.started}  # the slider of MLflow's page starts at 0, before the first epoch
        times |= {int(record["epoch"]): int(record["timestamp"]) for record in self.records.update()}
        for epoch, file in content.step_images(self.folder).items():
            name = f"images/samples+step+{epoch}+timestamp+{times.get(epoch)}+{self._uuid(epoch)}"
            if epoch in times and name not in self.receipt.files:
                try:
                    self._send_image(client, file, name)
                except UserError as error:
                    log.warning("tracking: %s; it is left out", error)
                self.receipt.files[name] = _version(file)
                self._write_receipt()

    def _send_image(self, client: MlflowClient, file: Path, name: str) -> None:
        from vae_exp.storage.pictures import read_png  # Pillow is imported only for pictures

        content, image = read_png(file)
        with tempfile.TemporaryDirectory() as place:
            target = Path(place) / f"{Path(name).name}.png"
            target.write_bytes(content)
            small = Path(place) / f"{Path(name).name}+compressed.webp"
            image.thumbnail((256, 256))
            image.save(small)
            for each in (target, small):
                client.log_artifact(self.run_id, str(each), "images")
                self.answered()

    def _uuid(self, epoch: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.receipt.token} {epoch}"))

    def _send_files(self, client: MlflowClient, named: dict[str, Path]) -> None:
        """Send the files that are missing on the server or have changed."""
        sent = False
        for name, file in named.items():
            version = _version(file)
            if self.receipt.files.get(name) != version:
                client.log_artifact(self.run_id, str(file), name.rpartition("/")[0] or None)
                self.answered()
                self.receipt.files[name], sent = version, True
        if sent:
            self._write_receipt()

    def _end(self, client: MlflowClient, state: str) -> None:
        """Send the end of a run, its state last. A failure to send a file is raised after that."""
        status = self.folder.read_status()
        failure, model_id = None, None
        try:
            model_id = self._send_model(client) if state == "finished" else None
            self._send_images(client)
            self._send_files(client, content.last_files(self.folder))
        except Exception as error:  # the artifact store may be full while the metrics have room
            failure = error
        if state == "finished":
            self._log(client, content.final_points(self.folder, self.receipt.names), model_id)
        if status and status.error:
            client.set_tag(self.run_id, "error", status.error, synchronous=True)
        seconds = max(status.time if status else time.time(), self._last_record() / 1000)
        client.set_terminated(self.run_id, STATUS[state], int(seconds * 1000))
        self.answered()
        if failure:
            raise failure

    def _send_model(self, client: MlflowClient) -> str | None:
        """Send the best weights as a model of the run; return its id.

        Return None when `tracking.model` is false or the weights were not kept.
        """
        tracking = (self.folder.read_config() or {}).get("tracking", {})
        if not tracking.get("model", True) or not self.folder.weights_file("best").exists():
            return None
        model_id = send_model(client, str(self.receipt.experiment_id), self.run_id, self.folder)
        self.answered()
        return model_id

    def _last_record(self) -> float:
        records = self.records.update()
        return records[-1]["timestamp"] if records else 0.0


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), LONGEST_BATCH):
        yield items[start : start + LONGEST_BATCH]


def _version(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
