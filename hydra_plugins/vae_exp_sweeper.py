"""Our sweeper, where Hydra looks for one. Hydra imports this file at every start: heavy imports wait.

Hydra's own sweeper runs what it is given and forgets it. This one checks every job before the first, writes the plan
down, hands only unfinished jobs to the launcher, and goes on when a worker is killed.
"""

# No `from __future__ import annotations`: Hydra runs this file without entering it in sys.modules, where a dataclass
# would look its annotations up.
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import open_dict, read_write

if TYPE_CHECKING:
    from vae_exp.config import Config
    from vae_exp.sweep import Job, SweepFolder


@dataclass
class VaeExpSweeperConf:
    """Sweep over lists of values, `key=a,b`, in every combination."""

    _target_: str = "hydra_plugins.vae_exp_sweeper.VaeExpSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = None
    resume: bool = False
    """Run what `sweep.json` in `hydra.sweep.dir` planned and what is not finished, instead of composing jobs."""


class VaeExpSweeper(BasicSweeper):
    """Checks every job before the first, survives those that fail, and goes on where it stopped."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None, resume: bool) -> None:
        super().__init__(max_batch_size, params)
        self.resume = resume

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep that the command line asks for, and exit with its code."""
        from vae_exp import job
        from vae_exp.errors import Interrupted, UserError
        from vae_exp.signals import EXIT_CODES, interruptible
        from vae_exp.sweep import SweepFolder

        sweep = SweepFolder(self._fix_folder())
        try:
            jobs = sweep.jobs() if self.resume else self._plan(arguments, sweep)
            with sweep.locked(), interruptible():
                if not self.resume:
                    sweep.write_plan(jobs, job.command())
                self._launch(sweep, jobs)
        except UserError as error:
            job.complain(str(error))
            raise SystemExit(2) from None
        except (KeyboardInterrupt, Interrupted) as signal:
            job.conclude(sweep)
            raise SystemExit(EXIT_CODES[type(signal)]) from None
        raise SystemExit(job.conclude(sweep))

    def _fix_folder(self) -> Path:
        """Resolve `hydra.sweep.dir` once: its name has random digits in it."""
        folder = Path(self.config.hydra.sweep.dir).absolute()
        with read_write(self.config), open_dict(self.config):
            self.config.hydra.sweep.dir = str(folder)
        return folder

    def _plan(self, arguments: list[str], sweep: "SweepFolder") -> list["Job"]:
        """Compose and check every job; raise UserError, with the job's number, before anything is made."""
        from vae_exp.errors import UserError
        from vae_exp.preparation import check
        from vae_exp.sweep import plan

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        swept = [override.get_key_element() for override in overrides if override.is_sweep_override()]
        combinations = [job for batch in self.split_arguments(overrides, None) for job in batch]
        requests = []
        for number, combination in enumerate(combinations, start=1):
            try:
                config = self._compose(combination)
                check(config)
            except UserError as error:
                which = f"job {number} of {len(combinations)} ({', '.join(combination)}): " if swept else ""
                raise UserError(f"{which}{error}") from None
            requests.append((combination, config))
        known = sweep.jobs() if sweep.plan_file.exists() else []
        return plan(requests, swept, known, self._threads())

    def _compose(self, overrides: list[str]) -> "Config":
        from hydra.errors import HydraException

        from vae_exp import compose
        from vae_exp.errors import UserError

        try:
            composed = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        except HydraException as error:
            raise UserError(" ".join(str(error).split())) from None
        return compose.to_config(composed)

    def _threads(self) -> int:
        """Return each job's share of the cores."""
        import torch

        launcher = self.config.hydra.launcher
        if "cpus_per_task" in launcher:  # submitit: the job's own machine decides
            return int(launcher.cpus_per_task or 1)
        cores = torch.get_num_threads()
        parallel = launcher.get("n_jobs", 1)
        return 1 if parallel < 0 else max(1, cores // parallel)

    def _launch(self, sweep: "SweepFolder", jobs: list["Job"]) -> None:
        """Hand over what is not finished. When a worker was killed, run each job that it took along by itself."""
        waiting = [job for job in jobs if sweep.needs_run(job)]
        if not waiting or self._try(sweep, waiting):
            return
        for job in waiting:
            if sweep.folder(job).state() in ("planned", "interrupted") and not self._try(sweep, [job]):
                sweep.folder(job).write_status("failed", "its process was killed (out of memory?)")

    def _try(self, sweep: "SweepFolder", jobs: list["Job"]) -> bool:
        """Launch jobs; say whether the launcher came back. Jobs never raise: their folders say how it went."""
        batch = [self._overrides(sweep, job) for job in jobs]
        try:
            results = self.launcher.launch(batch, initial_job_idx=0)
        except Exception:  # joblib's TerminatedWorkerError, submitit's UncompletedJobError
            return False
        for result in results:
            _ = result.return_value  # a failure of Hydra's own, outside our task
        return True

    def _overrides(self, sweep: "SweepFolder", job: "Job") -> list[str]:
        place = [f"hydra.sweep.dir={_quote(str(sweep.path))}", f"hydra.sweep.subdir={_quote(job.name)}"]
        return [*([] if self.resume else job.overrides), *place]


def _quote(value: str) -> str:
    """Return a value as Hydra's grammar reads it back, whatever is in it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


ConfigStore.instance().store(group="hydra/sweeper", name="vae_exp", node=VaeExpSweeperConf, provider="vae_exp")
