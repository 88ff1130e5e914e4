"""Bring the configured store up to date with run folders, after outages and killed processes."""

from __future__ import annotations

from collections.abc import Iterable

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.errors import UserError
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.copies import is_complete
from vae_exp.tracking.messages import later, probe, reason, say
from vae_exp.tracking.sender import Sender
from vae_exp.tracking.store import Store, be_quick, configured_store, import_client
from vae_exp.tracking.waiting import call_with_timeout


def reconcile(config: TrackingConfig, folders: Iterable[RunFolder]) -> bool:
    """Send what the configured store lacks of these runs, and their state: a run whose process died is KILLED.

    Skips running runs and those that were never sent there. Takes almost no time when nothing is missing.
    Failures to send are printed; only an invalid MLFLOW_TRACKING_URI raises UserError. Returns False when the server
    can't be reached.
    """
    if not isinstance(config, MlflowConfig):
        return True
    store = configured_store()
    missing = _missing(folders, store)
    for number, folder in enumerate(missing):
        try:
            probe(store)
        except OSError as error:
            say(f"{store.shown} can't be reached: {reason(error)}; {len(missing) - number} runs are not complete there")
            return False
        _send(folder, store)
    return True


def _missing(folders: Iterable[RunFolder], store: Store) -> list[RunFolder]:
    """Return the runs that have ended and of which the configured store has only a part."""
    missing: list[RunFolder] = []
    elsewhere: dict[str, list[str]] = {}
    for folder in folders:
        try:
            shown = receipts.read(folder.path)
            if store.shown in shown:
                has_ended = folder.state() not in ("planned", "running")
                missing += [folder] * (has_ended and not is_complete(folder, shown[store.shown]))
            elif shown:
                elsewhere.setdefault(", ".join(sorted(shown)), []).append(folder.path.name)
        except UserError as error:
            say(str(error))
    for places, names in elsewhere.items():
        runs = f"{names[0]} was" if len(names) == 1 else f"{len(names)} runs were"
        say(f"{runs} sent to {places}, not to {store.shown}; unchanged")
    return missing


def _send(folder: RunFolder, store: Store) -> None:
    be_quick()
    import_client()  # takes seconds, which don't count as the server's silence
    try:
        state = folder.state()  # read it before locking: the lock is part of the state
        with folder.locked():
            receipt = receipts.read(folder.path)[store.shown]
            call_with_timeout(lambda answered: Sender(folder, store, receipt, answered).send(state))
    except Exception as error:  # whatever a server answers: the folder has everything, and can be sent again
        say(f"{store.shown} does not have all of {folder.path.name}: {reason(error)}; {later(folder.path)}")
