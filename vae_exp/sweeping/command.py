"""A sweep's command as Hydra composed it: its folder, its launcher, and the command that resumes it."""

from __future__ import annotations

import shlex
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from vae_exp import compose
from vae_exp.errors import UserError, complain
from vae_exp.machine.process import stop_children
from vae_exp.storage.paths import require_path
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.job import console
from vae_exp.sweeping.launchers import HydraLauncher
from vae_exp.sweeping.launching import Launcher
from vae_exp.sweeping.submission import Cluster, SlurmLauncher
from vae_exp.terminal import say, shown

SLURM_KEYS = ("hydra.sweeper.wait=", "hydra.sweeper.jobs_per_task=", "hydra.sweeper.conclusion.")
"""Overrides of a sweep on Slurm besides its launcher's; `resume` accepts them too."""


class Command:
    """The part of a sweep that Hydra composed. Nothing is created or started before `launcher` is used."""

    def __init__(self, config: DictConfig, context: HydraContext, most: int | None) -> None:
        """Take the configuration with its node `hydra`; launch at most `most` jobs at a time.

        Raises UserError for unsupported values of Hydra's own keys.
        """
        compose.refuse_unsupported(config.hydra, is_sweep=True)
        if most is not None and most < 1:
            raise UserError(f"hydra.sweeper.max_batch_size must be null or at least 1, got {most}")
        self.config, self.context, self.most = config, context, most
        self.sweep = SweepFolder(self._fixed_folder())
        self._refuse_unusable()

    def _fixed_folder(self) -> Path:
        """Resolve the folder once, since its name contains random digits, and give submitit a new folder."""
        try:
            folder = require_path(self.config.hydra.sweep.dir, "hydra.sweep.dir").absolute()
        except OmegaConfBaseException as error:
            raise UserError(compose.explain_value(error, "hydra.sweep.dir")) from None
        with read_write(self.config), open_dict(self.config):
            self.config.hydra.sweep.dir = str(folder)
            launcher = self.config.hydra.launcher
            if self.uses_slurm:
                self._name_in_slurm(launcher, folder)
            elif "submitit_folder" in launcher:  # submitit unpickles files of its folder
                above = Path(launcher.submitit_folder).absolute().parent
                launcher.submitit_folder = str(above / compose.unique_name() / "%j")
        return folder

    @staticmethod
    def _name_in_slurm(launcher: DictConfig, folder: Path) -> None:
        """Name the jobs after the sweep, unless they have a name, and put their scripts into a new folder inside it."""
        if Path(launcher.submitit_folder).absolute() != folder / slurm.HOME / "%j":
            rule = "must be left as it is: status and stop look inside the sweep's own folder"
            raise UserError(f"hydra.launcher.submitit_folder {rule}, got {launcher.submitit_folder}")
        launcher.submitit_folder = str(folder / slurm.HOME / compose.unique_name())
        if OmegaConf.to_container(launcher, resolve=False)["name"] == "${hydra.job.name}":  # type: ignore[index,call-overload]
            launcher.name = folder.name

    def _refuse_unusable(self) -> None:
        """Raise UserError for options of Slurm with another launcher, and for contradicting options."""
        if self.uses_slurm:
            _ = self.cluster  # checks its options
            if self.is_handed_over and self.most is not None:
                rule = "needs hydra.sweeper.wait=true; hydra.launcher.array_parallelism limits the running tasks"
                raise UserError(f"hydra.sweeper.max_batch_size {rule}, got {self.most}")
            return
        sweeper = self.config.hydra.sweeper
        for key, default in (("wait", True), ("jobs_per_task", 1)):
            if (value := sweeper.get(key)) not in (None, default):
                raise UserError(f"hydra.sweeper.{key}={value} needs hydra/launcher=submitit_slurm")

    def threads(self) -> int:
        """Return the number of threads of each job: its share of the cores."""
        launcher = self.config.hydra.launcher
        if "cpus_per_task" in launcher:  # submitit: depends on the job's machine
            return int(launcher.cpus_per_task or 1)
        parallel = launcher.get("n_jobs", 1)
        if parallel == 0:
            raise UserError("hydra.launcher.n_jobs must be at least 1, or negative for all cores, got 0")
        import torch

        return 1 if parallel < 0 else max(1, torch.get_num_threads() // parallel)

    @cached_property
    def launcher(self) -> Launcher:
        """Return the launcher of the jobs."""
        if not self.uses_slurm:
            return HydraLauncher(self.config, self.context)
        return SlurmLauncher(self.cluster, partial(say, console))

    @cached_property
    def cluster(self) -> Cluster:
        """Return the cluster that submits jobs to Slurm; raise UserError when an option breaks a rule."""
        options: Any = OmegaConf.to_container(self.config.hydra.launcher, resolve=True)
        sweeper: Any = OmegaConf.to_container(self.config.hydra.sweeper, resolve=True)
        new = Path(options["submitit_folder"])
        return Cluster(options, sweeper.get("conclusion") or {}, sweeper.get("jobs_per_task", 1), self.sweep.path, new)

    @property
    def uses_slurm(self) -> bool:
        """Return whether the jobs run on Slurm, and so can outlive this command."""
        return "array_parallelism" in self.config.hydra.launcher

    @property
    def is_handed_over(self) -> bool:
        """Return whether the command returns after submitting its jobs."""
        return self.uses_slurm and not self.config.hydra.sweeper.get("wait")

    def refuse_queued(self) -> None:
        """Raise UserError when Slurm still has jobs of this sweep."""
        slurm.refuse_queued(self.sweep.path)

    def stop(self) -> None:
        """Stop the jobs that still run, on this machine and on Slurm."""
        stop_children()
        if self.uses_slurm and not slurm.cancel(self.sweep.path / slurm.HOME):
            complain("Slurm still has jobs of this sweep; see squeue")

    @property
    def resume_command(self) -> str:
        """Return the command that finishes the sweep with the same launcher."""
        given = self.config.hydra.overrides.hydra
        chosen = [text for text in given if text.startswith("hydra/launcher=")]
        chosen += [text for text in given if text.startswith(("hydra.launcher.", *SLURM_KEYS))]
        return " ".join(["python -m vae_exp.resume", shown(self.sweep.path), *map(shlex.quote, chosen)])
