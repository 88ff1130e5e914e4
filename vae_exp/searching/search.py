"""A search, step by step: propose a batch, train it to the first rung, promote the best, until the last rung is over.

The next step depends only on the folder, so a killed search continues exactly where it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vae_exp.errors import UserError
from vae_exp.searching.planning import Planner
from vae_exp.searching.record import Record, record_file, write
from vae_exp.searching.rungs import Value, places, promoted
from vae_exp.searching.sampler import Observation, propose
from vae_exp.searching.space import Point
from vae_exp.searching.trials import Trial, trials_of, value, waiting
from vae_exp.storage.sweep_folder import Job, SweepFolder

Launch = Callable[[Sequence[Job], int], None]
"""Run jobs up to this epoch, which is also their `until`, and return when all have ended."""


@dataclass(frozen=True)
class Rung:
    """The trials that are compared at one epoch."""

    epoch: int
    trials: list[Trial]
    values: dict[int, Value | None]
    """The values so far, by the trial's number; None for one that diverged."""

    @property
    def is_over(self) -> bool:
        """Return whether each of its trials has a value or has diverged."""
        return len(self.values) == len(self.trials)


def open_search(sweep: SweepFolder, record: Record, command: Sequence[str]) -> Search:
    """Start a search in a sweep's folder, or continue the one there. The caller must hold the sweep's lock.

    `command` is the user's command line, for the plan.
    """
    planner = Planner(sweep, record, command)
    if record_file(sweep.path).exists():
        planner.renew(Search(sweep, record, command).trials)
    else:
        planner.adopt()
    write(sweep.path, record)
    return Search(sweep, record, command)


def first_batch(sweep: SweepFolder, record: Record) -> list[Job]:
    """Return the runs that a new search will launch first, up to its first rung. Nothing is written."""
    planner = Planner(sweep, record, [])
    numbered = enumerate(_next_points(record, []), start=1)
    jobs = [job for number, point in numbered for job in planner.jobs(point, number)]
    return [dataclasses.replace(job, until=record.rungs()[0]) for job in jobs]


def _next_points(record: Record, observations: Sequence[Observation]) -> list[Point]:
    """Return the next points to try, given the results of the earlier ones."""
    options = record.options
    count = min(options.batch, (options.trials or 0) - len(observations))
    return propose(record.space, observations, count, options.sampler, options.seed)


class Search:
    """The search of one folder. The caller must hold the sweep's lock."""

    def __init__(self, sweep: SweepFolder, record: Record, command: Sequence[str]) -> None:
        self.sweep, self.record, self._command = sweep, record, list(command)
        self.trials = trials_of(sweep.jobs(), record.space) if sweep.plan_file.exists() else []
        self._known: dict[tuple[int, int], Value | None] = {}

    def run(self, launch: Launch) -> bool:
        """Run all remaining steps; return True when the search is over, False when a failed trial blocks its rung."""
        while (rung := self._next()) is not None:
            launch(self._waiting(rung), rung.epoch)
            if not self._rung(rung.epoch, rung.trials).is_over:
                return False
        return True

    def next_runs(self) -> list[Job]:
        """Plan a batch if one is due; return the runs to train next, each with its epoch, or none at the end."""
        rung = self._next()
        return [] if rung is None else self._waiting(rung)

    def runs_to(self, epoch: int) -> list[Job]:
        """Return those of `next_runs` that train to this epoch.

        Raises UserError if an earlier step is missing: values of a rung, or trials that were requested.
        """
        first = self.record.rungs()[0]
        current = next((rung for rung in self.rungs() if not rung.is_over), None)
        if current and (current.epoch < epoch or current.epoch == first):
            missing = ", ".join(str(trial.number) for trial in current.trials if trial.number not in current.values)
            raise UserError(
                f"no trial continues to epoch {epoch}: trials {missing} have not reached epoch {current.epoch}"
            )
        if self.is_due() and epoch > first:
            raise UserError(f"no trial continues to epoch {epoch}: {self._missing()} trials were not proposed yet")
        return [job for job in self.next_runs() if job.until == epoch]

    def later_steps(self, epoch: int) -> list[tuple[int, int]]:
        """Return the steps after the current one, in the rung of `epoch`: each with its epoch and its most trials.

        Each remaining batch of the first rung is a step, and each later rung.
        """
        options, rungs = self.record.options, self.record.rungs()
        left = self._missing() if epoch == rungs[0] else 0
        steps = [(epoch, min(options.batch, left - done)) for done in range(0, left, options.batch)]
        size = left + next(len(rung.trials) for rung in self.rungs() if rung.epoch == epoch)
        for later in rungs[rungs.index(epoch) + 1 :]:
            size = places(size, options.factor)
            steps.append((later, size))
        return steps

    def rungs(self) -> list[Rung]:
        """Return the rungs that have started."""
        found: list[Rung] = []
        members = self.trials
        for epoch in self.record.rungs():
            found.append(self._rung(epoch, members))
            if not found[-1].is_over or self.is_due():  # a later trial may be among the best
                break
            best = promoted(found[-1].values, self.record.options.factor)
            members = [trial for trial in members if trial.number in best]
        return found

    def _next(self) -> Rung | None:
        """Return the rung with unfinished runs, after planning a new batch if one is due; None at the end."""
        first = self._rung(self.record.rungs()[0], self.trials)
        while first.is_over and self.is_due():  # again if every configuration of a batch was refused
            self.trials += self._propose(first)
            first = self._rung(first.epoch, self.trials)
        return next((rung for rung in self.rungs() if not rung.is_over), None)

    def is_due(self) -> bool:
        """Return whether more trials were requested and the space has points left."""
        return self._missing() > 0

    def _missing(self) -> int:
        size = self.record.space.size
        requested = self.record.options.trials or 0
        return (requested if size is None else min(requested, size)) - len(self.trials)

    def _propose(self, first: Rung) -> list[Trial]:
        """Plan the next batch."""
        observations = [Observation(trial.point, first.values[trial.number]) for trial in self.trials]
        points = _next_points(self.record, observations)
        return Planner(self.sweep, self.record, self._command).plan(points, len(self.trials) + 1)

    def _rung(self, epoch: int, members: Sequence[Trial]) -> Rung:
        values = {trial.number: self._value(trial, epoch) for trial in members if self._is_settled(trial, epoch)}
        return Rung(epoch, list(members), values)

    def _is_settled(self, trial: Trial, epoch: int) -> bool:
        return (trial.number, epoch) in self._known or not self._runs_left(trial, epoch)

    def _waiting(self, rung: Rung) -> list[Job]:
        left = [job for trial in rung.trials for job in self._runs_left(trial, rung.epoch)]
        return [dataclasses.replace(job, until=rung.epoch) for job in left]

    def _runs_left(self, trial: Trial, epoch: int) -> list[Job]:
        is_out = trial.number in self.record.options.leave_out
        return [] if is_out else waiting(self.sweep, trial, epoch)

    def _value(self, trial: Trial, epoch: int) -> Value | None:
        key = (trial.number, epoch)
        if key not in self._known:
            self._known[key] = value(self.sweep, trial, epoch, self.record.options.measures)
        return self._known[key]
