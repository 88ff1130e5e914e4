"""A search loaded from its folder: a sweep with trials."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from vae_exp.errors import UserError
from vae_exp.loaded_run import LoadedRun
from vae_exp.loaded_sweep import LoadedSweep
from vae_exp.searching import record
from vae_exp.searching.findings import Findings
from vae_exp.searching.search import Search
from vae_exp.searching.trials import Trial
from vae_exp.storage.sweep_folder import SweepFolder


class LoadedSearch(LoadedSweep):
    """A search loaded from its folder: a sweep that also has trials, and the best of them."""

    @property
    def findings(self) -> Findings:
        """The rungs with their values, the ranking and the epochs spent."""
        return Findings(Search(SweepFolder(self.folder), record.read(self.folder), []))

    @property
    def best(self) -> LoadedRun:
        """The first run of the trial with the lowest value in the last rung; UserError for two measures."""
        return self._run(self.findings.best)

    @property
    def front(self) -> list[LoadedRun]:
        """The first runs of the trials on the Pareto front."""
        return [self._run(trial) for trial in self.findings.front]

    @property
    def trials(self) -> pd.DataFrame:
        """One row for each trial: `trial`, the searched keys, `epochs`, the measures at its last rung, and `state`."""
        findings = self.findings
        return pd.DataFrame([_row(findings, trial) for trial in findings.search.trials])

    def _summary(self) -> str:
        """Return the state of the search: `24 trials: 22 paused, 2 finished; best: trial 7`."""
        try:
            findings = self.findings
            states = Counter(findings.state(trial) for trial in findings.search.trials)
            best = f"; best: trial {findings.ranking[0].number}" if findings.has_best else ""
        except UserError as error:
            return str(error)
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        return f"{len(findings.search.trials)} trials: {counts}{best}"

    def _repr_html_(self) -> str:
        """Return the table of the trials; pandas escapes what is in it."""
        return self.trials.to_html(index=False, border=0)

    def _run(self, trial: Trial) -> LoadedRun:
        return LoadedRun(self.folder / trial.jobs[0].name)


def _row(findings: Findings, trial: Trial) -> dict[str, Any]:
    measures = findings.search.record.options.measures
    reached = [(rung.epoch, rung.values.get(trial.number)) for rung in findings.rungs]
    epoch, value = next(((epoch, value) for epoch, value in reversed(reached) if value is not None), (0, None))
    values = dict(zip(measures, value or [None] * len(measures), strict=True))
    return {"trial": trial.number, **trial.point, "epochs": epoch, **values, "state": findings.state(trial)}
