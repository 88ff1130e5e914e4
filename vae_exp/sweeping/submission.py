"""Arrays of a sweep's jobs for Slurm: their scripts, their sizes, and the job that concludes the sweep."""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_exp.errors import UserError, describe
from vae_exp.storage import files
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping import slurm
from vae_exp.sweeping.launching import batches
from vae_exp.sweeping.slurm_record import RECORD, Tasks
from vae_exp.terminal import shown

NOT_SBATCHS = ("_target_", "submitit_folder", "max_num_timeout")
"""Keys of `hydra.launcher` that are not for submitit's script."""
FOR_GPUS = ("gpus_per_node", "gpus_per_task", "cpus_per_gpu", "mem_per_gpu", "gres")
"""Keys that the concluding job doesn't inherit: it needs no GPU."""

CONCLUDES = "vae_exp.sweeping.slurm_conclusion"
"""The module that concludes a sweep."""


@dataclass(frozen=True)
class Array:
    """Tasks that are submitted together."""

    tasks: Sequence[Sequence[Job]]
    """The jobs of each task, run one after the other."""
    at_once: int
    """Largest number of tasks that run at a time."""
    after: int | None
    """Index of the array that must end first, or None."""


def arrays(tasks: Sequence[Sequence[Job]], largest: int, at_once: int) -> list[Array]:
    """Split tasks into arrays of at most `largest` tasks, so that at most `at_once` tasks run at a time.

    Each array gets its share of `at_once`. With more arrays than shares, an array starts after another has ended.
    """
    parts = list(batches(tasks, largest))
    lanes = min(len(parts), at_once)
    shares = [at_once // lanes + (lane < at_once % lanes) for lane in range(lanes)]
    return [Array(part, shares[i % lanes], i - lanes if i >= lanes else None) for i, part in enumerate(parts)]


@dataclass(frozen=True)
class Placed:
    """An array with the folder of its script, its record and its logs."""

    array: Array
    folder: Path


@dataclass(frozen=True)
class Cluster:
    """Submits the jobs of one command. Nothing is written before `submit`."""

    options: Mapping[str, Any]
    """`hydra.launcher`, with the keys of Hydra's submitit plugin."""
    conclusion: Mapping[str, Any]
    """`hydra.sweeper.conclusion`: the options in which the concluding job differs."""
    jobs_per_task: int
    sweep: Path
    folder: Path
    """A new folder, inside the sweep's, for scripts and logs."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        time, delay, together = (self.options[key] for key in ("timeout_min", "signal_delay_s", "array_parallelism"))
        if delay >= time * 60:
            rule = f"must be below the time limit of {time * 60} s (hydra.launcher.timeout_min={time})"
            raise UserError(f"hydra.launcher.signal_delay_s {rule}, or a job is stopped when it starts, got {delay}")
        if together < 1:
            raise UserError(f"hydra.launcher.array_parallelism must be at least 1, got {together}")
        if self.jobs_per_task < 1:
            raise UserError(f"hydra.sweeper.jobs_per_task must be at least 1, got {self.jobs_per_task}")

    def check(self, jobs: Sequence[Job]) -> None:
        """Raise UserError, with the cluster's reason, when it would refuse these jobs."""
        self.check_reserved(len(jobs))

    def check_reserved(self, count: int) -> None:
        """Raise UserError, with the cluster's reason, when it would refuse this number of jobs."""
        for array in self._arrays([()] * -(-count // self.jobs_per_task))[:1]:
            slurm.require_acceptable(self._jobs_script(Placed(array, self.folder), None))

    def check_conclusion(self) -> None:
        """Raise UserError, with the cluster's reason, when it would refuse the concluding job."""
        slurm.require_acceptable(self._small_script(self.folder, "conclusion", CONCLUDES, dependency=None))

    def place(self, jobs: Sequence[Job]) -> list[Placed]:
        """Return the arrays of jobs, each with its folder; nothing is written."""
        return self._placed(list(batches(jobs, self.jobs_per_task)) if jobs else [])

    def reserve(self, count: int) -> list[Placed]:
        """Return arrays for at most `count` jobs, which are planned later (`slurm_record.fill`); nothing is written."""
        return self._placed([()] * -(-count // self.jobs_per_task))

    def submit(self, jobs: Sequence[Job], after: Sequence[str] = ()) -> Iterator[str]:
        """Submit jobs, and yield the number of each array as soon as Slurm has accepted it.

        They start when the arrays `after` have ended. Raises UserError when Slurm refuses one.
        """
        yield from self.submit_placed(self.place(jobs), after)

    def submit_placed(self, placed: Sequence[Placed], after: Sequence[str] = (), held: bool = False) -> Iterator[str]:
        """Submit arrays as `submit` does; what is `held` waits for `slurm.release`."""
        taken = list[str]()
        for each in placed:
            first = [taken[each.array.after]] if each.array.after is not None else after
            tasks = [list(task) for task in each.array.tasks]
            until = next((job.until for task in tasks for job in task), None)
            places = [[(job.name, job.at or 0) for job in task] for task in tasks]
            files.make_folder(each.folder)
            files.write_json(each.folder / RECORD, Tasks(places, self.options["max_num_timeout"], until))
            files.write_text(each.folder / slurm.JOBS, self._jobs_script(each, _after(first)))
            taken.append(slurm.submit(each.folder / slurm.JOBS, held))
            yield taken[-1]

    def submit_conclusion(self, after: Sequence[str], resume: str, module: str = CONCLUDES) -> str:
        """Submit the job that concludes the sweep after the arrays `after`, failed or not; return its number.

        `resume` is the command that finishes an unfinished sweep, `module` what the job runs.
        """
        return self.submit_small("conclusion", [module, str(self.sweep), resume], after)

    def submit_small(self, name: str, module: Sequence[str], after: Sequence[str]) -> str:
        """Submit a job that runs a module, with its arguments, on the resources of the conclusion; return its number.

        Its script is `<name>/<name>.sh`.
        """
        folder = self.folder / name
        files.make_folder(folder)
        script = folder / f"{name}.sh"
        files.write_text(script, self._small_script(folder, name, *module, dependency=_after(after)))
        return slurm.submit(script)

    def _arrays(self, tasks: Sequence[Sequence[Job]]) -> list[Array]:
        return arrays(tasks, slurm.largest_array(), self.options["array_parallelism"]) if tasks else []

    def _placed(self, tasks: Sequence[Sequence[Job]]) -> list[Placed]:
        return [Placed(array, self.folder / str(next(self._numbers))) for array in self._arrays(tasks)]

    def _jobs_script(self, placed: Placed, dependency: str | None) -> str:
        command = ["vae_exp.sweeping.slurm_task", str(self.sweep), str(placed.folder / RECORD)]
        array = placed.array
        limits = {"map_count": len(array.tasks), "array_parallelism": array.at_once, "dependency": dependency}
        return _script(self.options, placed.folder, command, limits)

    def _small_script(self, folder: Path, name: str, *module: str, dependency: str | None) -> str:
        own = {key: value for key, value in self.conclusion.items() if value is not None}
        options = {key: value for key, value in self.options.items() if key not in FOR_GPUS} | own
        options |= {"name": f"{self.options['name']}-{name}", "signal_delay_s": 0, "nodes": 1, "tasks_per_node": 1}
        return _script(options, folder, list(module), {"dependency": dependency})


def _after(numbers: Sequence[str]) -> str | None:
    return ":".join(["afterany", *numbers]) if numbers else None


def _script(options: Mapping[str, Any], folder: Path, module: list[str], more: Mapping[str, Any]) -> str:
    """Return submitit's script for sbatch, running `module` in place of submitit's own, which unpickles."""
    import submitit

    cpus = int(options["cpus_per_task"] or 1)  # since Slurm 22.05 srun doesn't inherit it from sbatch
    setup = [f"export SRUN_CPUS_PER_TASK={cpus}", *(options["setup"] or [])]
    given = {f"slurm_{key}": value for key, value in options.items() if key not in NOT_SBATCHS}
    try:
        automatic = submitit.AutoExecutor(folder, cluster="slurm")
        automatic.update_parameters(**given | {"slurm_setup": setup})
        executor: Any = automatic._executor
        executor.parameters.update({key: value for key, value in more.items() if value is not None})
        return str(executor._make_submission_file_text(shlex.join([sys.executable, "-u", "-m", *module]), ""))
    except Exception as error:  # submitit may raise anything for its options, or without Slurm
        raise UserError(f"hydra.launcher can't be used as it is: {describe(error)}") from None


class SlurmLauncher:
    """A `launching.Launcher` that submits jobs and waits until they have left Slurm's queue."""

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster, self._say = cluster, say

    def launch(self, jobs: Sequence[Job]) -> None:
        """Submit jobs, and wait. If Slurm refuses some of them, raise UserError when the others have ended."""
        try:
            list(self._cluster.submit(jobs))
        except UserError:
            slurm.wait(self._cluster.folder, self._say)
            raise
        self._say(f"{counted(len(jobs), 'job')} submitted to Slurm; their output is in {shown(self._cluster.folder)}")
        slurm.wait(self._cluster.folder, self._say)


def counted(number: int, noun: str) -> str:
    """Return `1 job` or `2 jobs`."""
    return f"{number} {noun}{'s' * (number != 1)}"
