"""The results of a search: the last rung, the best trial or the Pareto front, and the epochs spent."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from vae_exp.errors import UserError
from vae_exp.searching.rungs import Value, front, ranked
from vae_exp.searching.search import Rung, Search
from vae_exp.searching.trials import Trial, has_diverged


@dataclass(frozen=True)
class Findings:
    """The results of a search so far."""

    search: Search

    @cached_property
    def rungs(self) -> list[Rung]:
        """Return the rungs so far."""
        return self.search.rungs()

    @property
    def is_over(self) -> bool:
        """Return whether the last rung is over and all requested trials were tried."""
        epochs = self.search.record.rungs()
        return len(self.rungs) == len(epochs) and self.rungs[-1].is_over and not self.search.is_due()

    @property
    def last(self) -> Rung:
        """Return the last rung in which a trial has a value, or the first rung when there is none."""
        return next((rung for rung in reversed(self.rungs) if self._values(rung)), self.rungs[0])

    @cached_property
    def ranking(self) -> list[Trial]:
        """Return the trials of the last rung that have a value, the best first."""
        by_number = {trial.number: trial for trial in self.last.trials}
        return [by_number[number] for number in ranked(self._values(self.last))]

    @property
    def has_best(self) -> bool:
        """Return whether a trial has the lowest value: one measure is minimised, and a trial has one."""
        return len(self.search.record.options.measures) == 1 and bool(self.ranking)

    @property
    def best(self) -> Trial:
        """Return the trial with the lowest value in the last rung; raise UserError when there is none."""
        measures = self.search.record.options.measures
        if len(measures) > 1:
            raise UserError(f"no trial is the best in {' and '.join(measures)}; see front")
        if not self.ranking:
            raise UserError(f"{self.search.sweep.path} has no trial with a value yet; resume it")
        return self.ranking[0]

    @property
    def front(self) -> list[Trial]:
        """Return the Pareto front: the trials of the last rung that no other trial dominates."""
        numbers = front(self._values(self.last))
        return [trial for trial in self.last.trials if trial.number in numbers]

    @staticmethod
    def _values(rung: Rung) -> dict[int, Value]:
        return {number: value for number, value in rung.values.items() if value is not None}

    @property
    def spent(self) -> int:
        """Return the number of epochs trained in all runs."""
        sweep = self.search.sweep
        return sum(len(sweep.folder(job).records()) for trial in self.search.trials for job in trial.jobs)

    @property
    def of_all(self) -> int:
        """Return the number of epochs of training all these trials to the end."""
        runs = sum(len(trial.jobs) for trial in self.search.trials)
        return runs * self.search.record.rungs()[-1]

    @property
    def blocking(self) -> list[Trial]:
        """Return the trials of the current rung with a run that failed for another reason than diverging."""
        return [trial for trial in self.rungs[-1].trials if self._has_failed(trial)]

    def _has_failed(self, trial: Trial) -> bool:
        is_out = trial.number in self.rungs[-1].values
        folders = [self.search.sweep.folder(job) for job in trial.jobs]
        return not is_out and any(folder.state() == "failed" and not has_diverged(folder) for folder in folders)

    def state(self, trial: Trial) -> str:
        """Return the state of a trial: that of its first run that is not finished."""
        if trial.refused:
            return "refused"
        folders = [self.search.sweep.folder(job) for job in trial.jobs]
        if any(map(has_diverged, folders)):
            return "diverged"
        states = [folder.state() for folder in folders]
        return next((state for state in states if state != "finished"), "finished")

    @property
    def summary(self) -> list[str]:
        """Return the states of the trials, the epochs spent, and the commands that train the result, one per line."""
        states = Counter(self.state(trial) for trial in self.search.trials)
        counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
        rungs = ", ".join(f"{len(rung.trials)} to epoch {rung.epoch}" for rung in self.rungs)
        share = 100 * self.spent / max(self.of_all, 1)
        lines = [
            f"{len(self.search.trials)} trials: {counts}.",
            f"Trained {rungs}: {self.spent} epochs, {share:.0f} % of the {self.of_all} of training all.",
        ]
        return lines + (self._again() if self.is_over else [])

    def _again(self) -> list[str]:
        """Return the commands that train the best trial, or those on the front, to the same weights."""
        has_one = len(self.search.record.options.measures) == 1
        what, trials = ("Best", self.ranking[:1]) if has_one else ("On the front", self.front)
        lines = list[str]()
        for trial in trials:
            lines += [f"{what}: trial {trial.number}. Train it alone, to the same weights, with:"]
            lines += [f"  {shlex.join(self.command(trial))}"]
        return lines

    def command(self, trial: Trial) -> list[str]:
        """Return the command that trains a trial's first run again, to the same bits."""
        record = self.search.record
        return ["python", "-m", "vae_exp.train", *record.overrides(trial.point, record.seeds[0])]
