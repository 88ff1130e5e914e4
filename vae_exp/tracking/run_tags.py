"""Tags that are set when a sweep ends: the trials and rungs of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vae_exp.config import MlflowConfig, TrackingConfig
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import receipts
from vae_exp.tracking.messages import later, probe, reason, say
from vae_exp.tracking.store import be_quick, configured_store, open_experiment


def set_tags(config: TrackingConfig, tagged: Iterable[tuple[RunFolder, Mapping[str, str]]]) -> None:
    """Set tags of those runs that the configured store has.

    Failures to send are printed; only an invalid MLFLOW_TRACKING_URI raises UserError.
    """
    if not isinstance(config, MlflowConfig):
        return
    store = configured_store()
    be_quick()
    folder = None
    try:
        probe(store)
        client, _ = open_experiment(store, config.experiment)
        for folder, tags in tagged:
            shown = receipts.read(folder.path).get(store.shown)
            run_id = shown.run_id if shown else None
            for key, value in tags.items() if run_id else ():
                client.set_tag(str(run_id), key, value, synchronous=True)
    except Exception as error:  # whatever a server answers: the tags are set again when the search is resumed
        advice = f"; {later(folder.path.parent)}" if folder else ""
        say(f"{store.shown} does not have the trials and rungs of all runs: {reason(error)}{advice}")
