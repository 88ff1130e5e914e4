"""Our sweeper, where Hydra looks for one. Hydra imports this file at every start: heavy imports wait.

Hydra's own sweeper runs what it is given and forgets it. This one checks every job before the first, writes the plan
down, hands only unfinished jobs to the launcher, goes on when a worker is killed, and compares the runs at the end.
"""

# No `from __future__ import annotations`: Hydra runs this file without entering it in sys.modules, where a dataclass
# would look its annotations up.
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, open_dict, read_write

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher
    from hydra.types import HydraContext

    from vae_exp.config import Config
    from vae_exp.storage.sweep_folder import Job, SweepFolder


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

    config: DictConfig
    hydra_context: "HydraContext"
    launcher: "Launcher"

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None, resume: bool) -> None:
        super().__init__(max_batch_size, params)
        self.resume = resume

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep that the command line asks for, and exit with its code."""
        from vae_exp.errors import UserError, complain
        from vae_exp.machine import environment
        from vae_exp.storage.sweep_folder import SweepFolder

        environment.remember_command()
        sweep = SweepFolder(self._fix_folder())
        try:
            jobs = sweep.jobs() if self.resume else self._plan(arguments, sweep)
            with sweep.locked():
                self._refuse_queued(sweep)
                if not self.resume:
                    sweep.write_plan(jobs, environment.command_line())
                code = self._run(sweep, jobs)
        except UserError as error:
            complain(str(error))
            code = 2
        raise SystemExit(code)

    def _refuse_queued(self, sweep: "SweepFolder") -> None:
        """Raise UserError when Slurm still has jobs of this sweep: a killed command leaves them there."""
        from vae_exp.errors import UserError
        from vae_exp.sweeping import slurm

        if jobs := slurm.queued(self._cluster() or sweep.path / ".submitit"):
            numbers = " ".join(slurm.arrays(jobs))
            raise UserError(
                f"{sweep.path} has jobs in Slurm's queue; wait for them, or stop them with: scancel {numbers}"
            )

    def _fix_folder(self) -> Path:
        """Resolve `hydra.sweep.dir` once: its name has random digits in it."""
        folder = Path(self.config.hydra.sweep.dir).absolute()
        with read_write(self.config), open_dict(self.config):
            self.config.hydra.sweep.dir = str(folder)
        return folder

    # --- the plan ----------------------------------------------------------------------------------------------------

    def _plan(self, arguments: list[str], sweep: "SweepFolder") -> list["Job"]:
        """Compose and check every job; raise UserError, with the job's number, before anything is made."""
        from vae_exp.errors import UserError
        from vae_exp.preparation import check
        from vae_exp.sweeping.plan import plan

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
        from vae_exp.errors import UserError, one_line

        try:
            composed = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        except HydraException as error:
            raise UserError(one_line(error)) from None
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

    # --- the jobs ----------------------------------------------------------------------------------------------------

    def _run(self, sweep: "SweepFolder", jobs: list["Job"]) -> int:
        """Run what is not finished, and conclude the sweep however that went; return its exit code."""
        from vae_exp.errors import Interrupted, complain
        from vae_exp.machine.process import stop_children
        from vae_exp.machine.signals import EXIT_CODES, interruptible
        from vae_exp.sweeping import slurm
        from vae_exp.sweeping.conclusion import conclude
        from vae_exp.sweeping.job import console

        stopped = 0
        try:
            with interruptible():
                self._launch(sweep, [job for job in jobs if sweep.needs_run(job)])
        except (KeyboardInterrupt, Interrupted) as signal:
            stopped = EXIT_CODES[type(signal)]
            stop_children()
            if (cluster := self._cluster()) and not slurm.cancel(cluster):
                complain("Slurm still has jobs of this sweep; see squeue")
        code = conclude(sweep, self._way_on(sweep), console)
        return stopped or code

    def _launch(self, sweep: "SweepFolder", waiting: list["Job"]) -> None:
        """Hand jobs over. A killed worker takes others along: each is run again by itself, then what never began.

        A job whose worker is killed once more has failed. On a cluster, where somebody may have meant it, nothing is
        run again.
        """
        from vae_exp.machine.process import wait_for_children

        if (cluster := self._cluster()) and waiting:
            return self._submit(sweep, waiting, cluster)
        while waiting:
            error = self._try(sweep, waiting)
            if error is None:
                return
            wait_for_children("submitit.local._local")  # submitit's local jobs go on when one is killed
            suspects = [job for job in waiting if sweep.folder(job).state() == "interrupted"]
            for job in suspects:
                if self._try(sweep, [job]):
                    sweep.folder(job).write_status("failed", "its process was killed, twice (out of memory?)")
            left = [job for job in waiting if sweep.folder(job).state() == "planned"]
            if not suspects and len(left) == len(waiting):  # it could not start anything
                raise error
            waiting = left

    def _submit(self, sweep: "SweepFolder", waiting: list["Job"], cluster: Path) -> None:
        """Hand jobs over to Slurm, and wait until none is queued any more. Their folders say how they ended."""
        from functools import partial

        from vae_exp.errors import complain, describe
        from vae_exp.sweeping import slurm
        from vae_exp.sweeping.job import console
        from vae_exp.terminal import say, shown

        with slurm.submitting(self._threads()):
            error = self._try(sweep, waiting)
        if error:
            complain(f"Slurm took no job: {describe(error)}")
        else:
            count = "1 job" if len(waiting) == 1 else f"{len(waiting)} jobs"
            say(console, f"{count} for Slurm; what they print is in {shown(cluster)}")
        slurm.wait(cluster, partial(say, console))

    def _try(self, sweep: "SweepFolder", jobs: list["Job"]) -> Exception | None:
        """Launch jobs; return what the launcher raised. Jobs never raise: their folders say how it went."""
        batch = [self._overrides(sweep, job) for job in jobs]
        try:
            results = self.launcher.launch(batch, initial_job_idx=0)
        except Exception as error:  # joblib's TerminatedWorkerError, submitit's FailedJobError
            return error
        for result in filter(None, results):  # None where Slurm has them now
            _ = result.return_value  # a failure of Hydra's own, outside our task
        return None

    def _overrides(self, sweep: "SweepFolder", job: "Job") -> list[str]:
        """Return what Hydra composes a job from: its place, and what was given for it, which goes into `.hydra/`.

        A plan that is resumed may be a stranger's: Hydra sees nothing of it, and leaves its `.hydra/` as it is.
        """
        from vae_exp.compose import quote

        place = [f"hydra.sweep.dir={quote(str(sweep.path))}", f"hydra.sweep.subdir={quote(job.name)}"]
        return [*place, "hydra.output_subdir=null"] if self.resume else [*job.overrides, *place]

    def _cluster(self) -> Path | None:
        """Return the folder in which submitit notes its Slurm jobs; None under other launchers."""
        launcher = self.config.hydra.launcher
        return Path(launcher.submitit_folder).absolute().parent if "array_parallelism" in launcher else None

    def _way_on(self, sweep: "SweepFolder") -> str:
        """Return the command that finishes the sweep, with the launcher that was chosen here."""
        import shlex

        from vae_exp.terminal import shown

        chosen = [text for text in self.config.hydra.overrides.hydra if text.startswith("hydra/launcher=")]
        chosen += [text for text in self.config.hydra.overrides.hydra if text.startswith("hydra.launcher.")]
        return " ".join(["python -m vae_exp.resume", shown(sweep.path), *map(shlex.quote, chosen)])


ConfigStore.instance().store(group="hydra/sweeper", name="vae_exp", node=VaeExpSweeperConf, provider="vae_exp")
