"""The launchers behind `launching.Launcher` that are Hydra's plugins.

Hydra's launchers compose each job's configuration anew. Ours were composed when they were planned, and a plan may be
untrusted: so Hydra's launchers are given a job's place in the plan, and a loader that makes nothing else of it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path

from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from vae_exp.errors import UserError, describe
from vae_exp.machine.process import wait_for_children
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping import job


def run_task(place: DictConfig) -> str:
    """Run the job at a place of the plan: what Hydra's launchers call in their workers. Return the job's state."""
    return job.run_planned(Path(place.sweep), place.name, place.at, place.until)


class PlaceLoader:
    """The part of Hydra's ConfigLoader that launchers use: makes a task's configuration of a job's place alone."""

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the place (`name`, `at`) of a job in the plan of `hydra.sweep.dir`, beside Hydra's own node.

        `until` is the epoch after which it is to pause, `null` for none.
        """
        name, at, until = sweep_overrides
        config = copy.deepcopy(master_config)
        with open_dict(config):
            config.hydra.sweep.subdir = name
            config.hydra.output_subdir = None  # written from the plan when the job starts first
            config.update({"sweep": config.hydra.sweep.dir, "name": name, "at": int(at), "until": json.loads(until)})
        return config


class HydraLauncher:
    """A launcher plugin of Hydra's: `basic`, `joblib`, `submitit_local`, or one that is installed beside them."""

    def __init__(self, config: DictConfig, context: HydraContext) -> None:
        context = HydraContext(PlaceLoader(), context.callbacks)  # type: ignore[arg-type]
        hydra = OmegaConf.masked_copy(config, ["hydra"])
        try:
            self._launcher = Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=run_task, config=hydra
            )
        except Exception as error:  # whatever a plugin makes of its own options
            raise UserError(f"hydra.launcher can't be used as it is: {describe(error)}") from None

    def launch(self, jobs: Sequence[Job]) -> None:
        """Run jobs as the plugin does, and wait for them."""
        try:
            places = [[job.name, str(job.at), json.dumps(job.until)] for job in jobs]
            results = self._launcher.launch(places, initial_job_idx=0)
        finally:
            wait_for_children("submitit.local._local")  # submitit's local jobs go on when one is killed
        for result in results:
            _ = result.return_value  # raises what went wrong outside our task
