"""Brings the caller's tracking server up to what the folders say: after outages, and after processes that died."""

from __future__ import annotations

from collections.abc import Iterable

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.copies import is_complete
from vae_exp.tracking.sender import Sender
from vae_exp.tracking.store import Store, be_quick, configured_store, import_client
from vae_exp.tracking.talk import later, probe, reason, say
from vae_exp.tracking.waiting import patiently


def reconcile(config: TrackingConfig, folders: Iterable[RunFolder]) -> bool:
    """Send what the caller's server lacks of these runs, and how they ended: a run whose process died is KILLED.

    Runs that are running now, and those that were never shown there, are left alone. Costs next to nothing when
    nothing is missing. What can't be sent is said; nothing is raised but UserError for a bad MLFLOW_TRACKING_URI.
    Returns False when the server can't be reached, which is said.
    """
    if not isinstance(config, MlflowConfig):
        return True
    store = configured_store()
    missing = [folder for folder in folders if _is_missing(folder, store)]
    for number, folder in enumerate(missing):
        try:
            probe(store)
        except OSError as error:
            say(f"{store.shown} can't be reached: {reason(error)}; {len(missing) - number} runs are not complete there")
            return False
        _send(folder, store)
    return True


def _is_missing(folder: RunFolder, store: Store) -> bool:
    """Return whether a run has ended and the caller's server, where it is shown, does not know all of it."""
    try:
        shown = receipts.read(folder.path)
        if store.shown not in shown:
            if shown:
                say(f"{folder.path.name} is shown at {', '.join(sorted(shown))}, not at {store.shown}: left alone")
            return False
        return folder.state() not in ("planned", "running") and not is_complete(folder, shown[store.shown])
    except UserError as error:
        say(str(error))
        return False


def _send(folder: RunFolder, store: Store) -> None:
    be_quick()
    import_client()  # takes seconds, in which no server is silent
    try:
        state = folder.state()  # once this process holds the folder, its lock no longer tells who else did
        with folder.locked():
            receipt = receipts.read(folder.path)[store.shown]
            patiently(lambda answered: Sender(folder, store, receipt, answered).send(state))
    except Exception as error:  # whatever a server answers: the folder has everything, and can be sent again
        say(f"{store.shown} does not have all of {folder.path.name}: {reason(error)}; {later(folder.path)}")
