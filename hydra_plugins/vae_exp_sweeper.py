"""The Hydra plugins of the sweepers: their options, and calls into `vae_exp.sweeping` and `vae_exp.searching`.

Hydra imports this file at every start, so it imports nothing heavy.
"""

# No `from __future__ import annotations`: Hydra runs this file without entering it in sys.modules, where a dataclass
# would look up its annotations.
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from vae_exp.searching.options import Options


@dataclass
class ConclusionConf:
    """Resources of the Slurm job that writes a sweep's report; null takes those of `hydra.launcher`, without GPUs."""

    timeout_min: int = 60
    cpus_per_task: int = 1
    mem_gb: int | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None


@dataclass
class VaeExpSweeperConf:
    """Sweep over lists of values, `key=a,b`, in every combination."""

    _target_: str = "hydra_plugins.vae_exp_sweeper.VaeExpSweeper"
    max_batch_size: int | None = None
    """Largest number of jobs that are launched at a time; null launches all."""
    params: dict[str, str] | None = None
    """Overrides by key, as on the command line, which takes precedence."""
    wait: bool | None = None
    """Wait for the jobs and conclude the sweep; null: hand them over with `submitit_slurm`, wait with others."""
    jobs_per_task: int = 1
    """With `submitit_slurm`: number of jobs that a task of an array runs one after the other, at least 1."""
    conclusion: ConclusionConf = field(default_factory=ConclusionConf)
    """With `submitit_slurm`: resources of the last job, which writes the report."""
    resume: bool = False
    """Run the planned and unfinished jobs of `hydra.sweep.dir` instead of planning new ones."""


class VaeExpSweeper(Sweeper):
    """Checks all jobs before the first starts, continues after failed ones, and can be resumed."""

    hydra_context: HydraContext
    config: DictConfig

    def __init__(
        self, max_batch_size: int | None, params: dict[str, str] | None, resume: bool, **_of_slurm: Any
    ) -> None:
        self.max_batch_size, self.params, self.resume = max_batch_size, params or {}, resume

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra composed. `task_function` is not used: jobs run as they were planned."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep of the command line, and exit with its code."""
        from vae_exp.sweeping import sweeper

        if self.resume:
            raise SystemExit(sweeper.resume(self.config, self.hydra_context, self.max_batch_size))
        given = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        raise SystemExit(sweeper.sweep(self.config, self.hydra_context, self.max_batch_size, given))


@dataclass
class SearchConf(Options):
    """Search for the best configuration: `hydra/sweeper=search hydra.sweeper.trials=64`."""

    _target_: str = "hydra_plugins.vae_exp_sweeper.VaeExpSearch"
    _convert_: str = "all"
    wait: bool | None = None
    """Wait for the runs and conclude the search; null: hand it over with `submitit_slurm`, wait with others."""
    jobs_per_task: int = 1
    """With `submitit_slurm`: how many runs a task of an array has, one after the other, at least 1."""
    conclusion: ConclusionConf = field(default_factory=ConclusionConf)
    """With `submitit_slurm`: resources of the last job, and of those that propose and promote."""
    resume: bool = False
    """Resume the search in `hydra.sweep.dir`."""


class VaeExpSearch(Sweeper):
    """Proposes jobs, compares them at rungs, and promotes the best."""

    hydra_context: HydraContext
    config: DictConfig

    def __init__(self, resume: bool, wait: Any, jobs_per_task: Any, conclusion: Any, **options: Any) -> None:
        self.resume, self.options = resume, options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra composed."""
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the search of the command line, and exit with its code."""
        from vae_exp.searching import sweeper

        if self.resume:
            raise SystemExit(sweeper.resume(self.config, self.hydra_context, self.options))
        raise SystemExit(sweeper.search(self.config, self.hydra_context, self.options, arguments))


ConfigStore.instance().store(group="hydra/sweeper", name="vae_exp", node=VaeExpSweeperConf, provider="vae_exp")
ConfigStore.instance().store(group="hydra/sweeper", name="search", node=SearchConf, provider="vae_exp")
