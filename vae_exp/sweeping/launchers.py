"""Hydra's launcher plugins as a `launching.Launcher`.

Hydra's launchers compose each job's configuration again. Here jobs are composed when they are planned, and a plan may
be untrusted. So Hydra's launchers get only a job's position in the plan, and a loader that passes it on.
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
    """Run the job at this position of the plan; return its state. Hydra's launchers call it in their workers."""
    return job.run_planned(Path(place.sweep), place.name, place.at, place.until)


class PlaceLoader:
    """The part of Hydra's ConfigLoader that launchers use. A task's configuration is the job's position in the plan."""

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the position (`name`, `at`) of a job in the plan of `hydra.sweep.dir`, beside Hydra's own node.

        `until` is the epoch after which the job pauses, or `null`.
        """
        name, at, until = sweep_overrides
        config = copy.deepcopy(master_config)
        with open_dict(config):
            config.hydra.sweep.subdir = name
            config.hydra.output_subdir = None  # written from the plan when the job first starts
            config.update({"sweep": config.hydra.sweep.dir, "name": name, "at": int(at), "until": json.loads(until)})
        return config


class HydraLauncher:
    """A launcher plugin of Hydra: `basic`, `joblib`, `submitit_local`, or another installed one."""

    def __init__(self, config: DictConfig, context: HydraContext) -> None:
        context = HydraContext(PlaceLoader(), context.callbacks)  # type: ignore[arg-type]
        hydra = OmegaConf.masked_copy(config, ["hydra"])
        try:
            self._launcher = Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=run_task, config=hydra
            )
        except Exception as error:  # a plugin may raise anything for its options
            raise UserError(f"hydra.launcher can't be used as it is: {describe(error)}") from None

    def launch(self, jobs: Sequence[Job]) -> None:
        """Run jobs with the plugin, and wait for them."""
        try:
            places = [[job.name, str(job.at), json.dumps(job.until)] for job in jobs]
            results = self._launcher.launch(places, initial_job_idx=0)
        finally:
            wait_for_children("submitit.local._local")  # submitit's local jobs continue when one is killed
        for result in results:
            _ = result.return_value  # raises errors from outside the task
