"""A command on a sweep, as Hydra composed it: where it works, what launches its jobs, and how it is resumed."""

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
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping import slurm
from vae_exp.sweeping.job import console
from vae_exp.sweeping.launchers import HydraLauncher, SlurmLauncher
from vae_exp.sweeping.launching import Launcher
from vae_exp.terminal import say, shown


class Command:
    """What a sweeper takes from Hydra. Nothing is made or started before `launcher` is used."""

    def __init__(self, config: DictConfig, context: HydraContext, most: int | None) -> None:
        """Take the configuration with its node `hydra`; at most `most` jobs are launched together.

        Raises UserError for what of Hydra's own keys can't be honoured.
        """
        compose.refuse_unsupported(config.hydra, is_sweep=True)
        if most is not None and most < 1:
            raise UserError(f"hydra.sweeper.max_batch_size must be null or at least 1, got {most}")
        self.config, self.context, self.most = config, context, most
        self.sweep = SweepFolder(self._fixed_folder())

    def _fixed_folder(self) -> Path:
        """Resolve the folder once, since its name has random digits in it, and give submitit a new one below it."""
        try:
            folder = Path(self.config.hydra.sweep.dir).absolute()
        except OmegaConfBaseException as error:
            raise UserError(compose.explain_value(error, "hydra.sweep.dir")) from None
        with read_write(self.config), open_dict(self.config):
            self.config.hydra.sweep.dir = str(folder)
            launcher = self.config.hydra.launcher
            if "submitit_folder" in launcher:  # what submitit finds in its folder it unpickles
                above = Path(launcher.submitit_folder).absolute().parent
                launcher.submitit_folder = str(above / compose.unique_name() / "%j")
        return folder

    @cached_property
    def threads(self) -> int:
        """Return each job's share of the cores."""
        launcher = self.config.hydra.launcher
        if "cpus_per_task" in launcher:  # submitit: the job's own machine decides
            return int(launcher.cpus_per_task or 1)
        parallel = launcher.get("n_jobs", 1)
        if parallel == 0:
            raise UserError("hydra.launcher.n_jobs must be at least 1, or negative for all cores, got 0")
        import torch

        return 1 if parallel < 0 else max(1, torch.get_num_threads() // parallel)

    @cached_property
    def launcher(self) -> Launcher:
        """Return what launches the jobs."""
        if not self.uses_slurm:
            return HydraLauncher(self.config, self.context)
        options: Any = OmegaConf.to_container(self.config.hydra.launcher, resolve=True)
        return SlurmLauncher(options, self.sweep.path, self.threads, partial(say, console))

    @property
    def uses_slurm(self) -> bool:
        """Say whether jobs outlive this command, in Slurm's queue."""
        return "array_parallelism" in self.config.hydra.launcher

    @property
    def _submitted_from(self) -> Path:
        """Return the folder below which submitit notes its Slurm jobs, those of earlier commands too."""
        chosen = self.config.hydra.launcher.submitit_folder if self.uses_slurm else None
        return Path(chosen).parents[1] if chosen else self.sweep.path / ".submitit"

    def refuse_queued(self) -> None:
        """Raise UserError when Slurm still has jobs of this sweep: a killed command leaves them there."""
        slurm.refuse_queued(self.sweep.path, self._submitted_from)

    def stop(self) -> None:
        """Stop the jobs that still run, here and in Slurm's queue."""
        stop_children()
        if self.uses_slurm and not slurm.cancel(self._submitted_from):
            complain("Slurm still has jobs of this sweep; see squeue")

    @property
    def resume_command(self) -> str:
        """Return the command that finishes the sweep, with the launcher that was chosen here."""
        given = self.config.hydra.overrides.hydra
        chosen = [text for text in given if text.startswith("hydra/launcher=")]
        chosen += [text for text in given if text.startswith("hydra.launcher.")]
        return " ".join(["python -m vae_exp.resume", shown(self.sweep.path), *map(shlex.quote, chosen)])
