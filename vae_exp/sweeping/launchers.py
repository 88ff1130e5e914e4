"""The launchers behind `launching.Launcher`: Hydra's plugins, and our own for Slurm.

Hydra's launchers compose each job's configuration anew. Ours were composed when they were planned, and a plan may be
untrusted: so Hydra's launchers are given a job's place in the plan, and a loader that makes nothing else of it.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from vae_exp.errors import UserError, describe
from vae_exp.machine.process import wait_for_children
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping import job, slurm
from vae_exp.terminal import shown

_NOT_SUBMITITS = ("_target_", "submitit_folder")


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


class SlurmLauncher:
    """Submits jobs with submitit, and waits until Slurm has none of them in its queue any more.

    submitit itself asks sacct, which a cluster without accounting lacks, takes a job that is requeued for done, and
    waits for a killed one for ever.
    """

    def __init__(self, options: dict[str, Any], sweep: Path, cpus: int, say: Callable[[str], None]) -> None:
        """Take `hydra.launcher` as options, the sweep's folder, each job's CPUs, and what prints a line."""
        self._options, self._sweep, self._cpus, self._say = options, sweep, cpus, say
        self._folder = Path(options["submitit_folder"]).parent

    def launch(self, jobs: Sequence[Job]) -> None:
        """Submit jobs as one array, and wait; raise UserError when Slurm takes none."""
        try:
            names, places = [job.name for job in jobs], [job.at for job in jobs]
            submitted = self._executor().map_array(_SlurmTask(self._sweep), names, places)
        except Exception as error:  # submitit's FailedJobError, subprocess's errors
            raise UserError(f"Slurm took no job: {describe(error)}") from None
        count = "1 job" if len(submitted) == 1 else f"{len(submitted)} jobs"
        self._say(f"{count} for Slurm; what they print is in {shown(self._folder)}")
        slurm.wait(self._folder, self._say)

    def _executor(self) -> Any:
        """Return submitit's executor with the options of Hydra's plugin."""
        import submitit

        os.environ["SRUN_CPUS_PER_TASK"] = str(self._cpus)  # since Slurm 22.05 srun takes no number from sbatch
        options = {f"slurm_{key}": value for key, value in self._options.items() if key not in _NOT_SUBMITITS}
        timeouts = options.pop("slurm_max_num_timeout")
        folder = self._options["submitit_folder"]
        executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=timeouts)
        executor.update_parameters(**options)
        return executor


class _SlurmTask:
    """What a job on the cluster runs; submitit submits it again when the job's time is up and that is allowed."""

    def __init__(self, sweep: Path) -> None:
        self._sweep = sweep

    def __call__(self, name: str, at: int) -> str:
        return job.run_planned(self._sweep, name, at)

    def checkpoint(self, name: str, at: int) -> Any:
        """Return the submission that goes on with the job."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, name, at)
