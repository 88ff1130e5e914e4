"""Decide whether a folder's receipt names its own MLflow run, or that of the folder it was copied from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.messages import say
from vae_exp.tracking.receipts import Ended, Receipt
from vae_exp.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


TOKEN = "vae_exp.token"
"""The tag that identifies the folder of a run."""


def own_run(client: MlflowClient, receipt: Receipt, folder: Path, run: Run | None) -> Run | None:
    """Return the run to continue; return None and set a new token when the folder needs another run.

    The same path continues the same run. When the receipt's folder still exists with its token, this folder is a copy.
    Otherwise it was moved, or is on another machine, and the server decides: if its run has epochs that the receipt
    lacks, the run was continued elsewhere.
    """
    home, receipt.folder = receipt.folder or _tag(run), str(folder.absolute())
    if home is None or Path(home).resolve() == folder.resolve():
        return run
    if _has_token(Path(home), receipt.token):
        why = f"is a copy of {home}"
    elif run is not None and _last_epoch(client, run) > receipt.epochs:
        why = "was moved or copied, and its run was continued elsewhere"
    else:
        return run
    say(f"{folder.name} {why}: it becomes a separate run")
    receipt.token, receipt.run_id = receipts.new_token(), None
    return None


def _tag(run: Run | None) -> str | None:
    return run.data.tags.get("folder") if run else None


def _has_token(folder: Path, token: str) -> bool:
    try:
        return any(each.token == token for each in receipts.read(folder).values())
    except (UserError, OSError):
        return False


def _last_epoch(client: MlflowClient, run: Run) -> int:
    return max((point.step for point in client.get_metric_history(run.info.run_id, "seconds")), default=0)


def begin(folder: Path, store: Store, experiment: str, label: str, sweep: str | None) -> Receipt:
    """Return what the configured store has of a folder. Other servers that the folder names are never called."""
    try:
        shown = receipts.read(folder)
    except UserError as error:
        say(f"{error}; the run is sent again")
        shown = {}
    if shown and store.shown not in shown:
        others = ", ".join(sorted(shown))
        say(f"{folder.name} was sent to {others}; it is now sent to {store.shown} (or set MLFLOW_TRACKING_URI)")
    receipt = shown.get(store.shown)
    if receipt is None or receipt.experiment != experiment:
        receipt = receipts.new(experiment, label, sweep, str(folder.absolute()))
    receipts.write(folder, store.shown, receipt)
    return receipt


def is_complete(folder: RunFolder, receipt: Receipt) -> bool:
    """Return whether, by its receipt, a server has everything of a run that has ended."""
    return receipt.ended == ended(folder)


def ended(folder: RunFolder) -> Ended:
    """Return the state of a run and the time when it was written, as in a receipt."""
    status = folder.read_status()
    return [folder.state(), status.time if status else None]


def find(client: MlflowClient, receipt: Receipt) -> Run | None:
    """Return the run with a folder's token. After a lost answer there can be two runs: delete one."""
    wanted = f"tags.`{TOKEN}` = '{receipt.token}'"
    runs = list(client.search_runs([str(receipt.experiment_id)], wanted, order_by=["start_time ASC"]))
    runs.sort(key=lambda run: run.info.run_id != receipt.run_id)
    for twin in runs[1:]:
        client.delete_run(twin.info.run_id)
    return runs[0] if runs else None
