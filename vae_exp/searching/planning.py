"""Plan the runs of new trials before the first of a batch starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from vae_exp.config import Config
from vae_exp.config.identity import as_dict, identity, identity_hash
from vae_exp.errors import UserError
from vae_exp.preparation import check
from vae_exp.searching.record import Record, require_data
from vae_exp.searching.space import Dimension, Interval, Point
from vae_exp.searching.trials import Trial, has_reached
from vae_exp.storage.sweep_folder import Job, SweepFolder
from vae_exp.sweeping import naming


class Planner:
    """Plan trials in a sweep's folder, which may already hold runs. The caller must hold its lock."""

    def __init__(self, sweep: SweepFolder, record: Record, command: Sequence[str]) -> None:
        self._sweep, self._record, self._command = sweep, record, list(command)
        jobs = sweep.jobs() if sweep.plan_file.exists() else []
        self._others = {repr(identity(job.config)): job for job in jobs if job.trial is None}

    def plan(self, points: Sequence[Point], first: int) -> list[Trial]:
        """Write the runs of these points into the plan, numbered from `first`; return the trials.

        A configuration that breaks a rule is planned as refused: it is a result, and never runs. Raises UserError
        when the data is missing: that is not the trial's fault.
        """
        require_data(self._record)
        jobs = [job for number, point in enumerate(points, start=first) for job in self.jobs(point, number)]
        placed = iter(self._sweep.write_plan(jobs, self._command))
        seeds = range(len(self._record.seeds))
        return [Trial(first + i, point, tuple(next(placed) for _ in seeds)) for i, point in enumerate(points)]

    def renew(self, trials: Sequence[Trial]) -> None:
        """Write the runs of these trials into the plan again if their folder of data or their device has changed."""
        jobs = [(job, trial.point) for trial in trials if not trial.refused for job in trial.jobs]
        new = [(job, as_dict(self._record.config(point, job.config["seed"]))) for job, point in jobs]
        changed = [dataclasses.replace(job, config=saved, at=None) for job, saved in new if saved != job.config]
        if changed:
            self._sweep.write_plan(changed, self._command)

    def adopt(self) -> None:
        """Turn runs of an earlier sweep into trials, if they are in this space and have the first rung's epochs."""
        found = (self._point(job) for job in self._others.values())
        points = {tuple(point.items()): point for point in found if point is not None}
        if whole := [point for point in points.values() if self._has_begun(point)]:
            self.plan(whole, 1)

    def _point(self, job: Job) -> Point | None:
        try:
            return self._record.space.point(job.overrides)
        except UserError:  # a run outside the space
            return None

    def _has_begun(self, point: Point) -> bool:
        """Return whether all runs of a point, one for each seed, exist and have the first rung's epochs."""
        names = {job.name for job in self._others.values()}
        return all(
            job.name in names and has_reached(self._sweep.folder(job), job, self._record.rungs()[0])
            for job in self.jobs(point, 0)
        )

    def jobs(self, point: Point, number: int) -> list[Job]:
        """Return the runs of a trial, one for each seed."""
        try:
            configs = [self._record.config(point, seed) for seed in self._record.seeds]
            check(configs[0])
        except UserError as error:
            return [self._refused(point, number, seed, str(error)) for seed in self._record.seeds]
        return [self._job(point, number, config) for config in configs]

    def _job(self, point: Point, number: int, config: Config) -> Job:
        saved = as_dict(config)
        if (known := self._others.get(repr(identity(saved)))) is not None:
            return dataclasses.replace(known, config=saved, data=self._record.data, trial=number, at=None)
        label = self._label(point, number, config.seed)
        name = naming.folder_name(label, identity_hash(saved))
        given = self._record.overrides(point, config.seed)
        return Job(name, label, given, saved, data=self._record.data, trial=number)

    def _refused(self, point: Point, number: int, seed: int, rule: str) -> Job:
        """Return a refused run. Its saved configuration lacks the values, since they break the rule."""
        saved = self._record.base | {"seed": seed}
        label = self._label(point, number, seed)
        name = naming.folder_name(label, identity_hash(saved))
        return Job(name, label, self._record.overrides(point, seed), saved, trial=number, refused=rule)

    def _label(self, point: Point, number: int, seed: int) -> str:
        values = [f"{each.key}={shortened(each, point[each.key])}" for each in self._record.space.dimensions]
        seeds = [f"seed={seed}"] if len(self._record.seeds) > 1 else []
        return naming.label([f"trial={number}", *values, *seeds])


def shortened(dimension: Dimension, text: str) -> str:
    """Return a value for display: a float with three digits."""
    if isinstance(dimension, Interval) and not dimension.is_integer:
        return f"{float(text):.3g}"
    return text
