"""A row of the comparison: one configuration, with means over its seeds."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vae_exp.comparison.intervals import Interval, interval
from vae_exp.comparison.runs import Run
from vae_exp.comparison.values import MISSING
from vae_exp.storage.run_folder import STATES


@dataclass(frozen=True)
class Row:
    """One configuration and its runs, one for each seed."""

    config: dict[str, Any]
    runs: tuple[Run, ...]

    @cached_property
    def finished(self) -> list[Run]:
        """Return the finished runs."""
        return [run for run in self.runs if run.is_finished]

    def value(self, key: str) -> Any:
        """Return the value of a dotted key; MISSING where another option has the key."""
        return self.config.get(key, MISSING)

    def best(self, measure: str) -> Run | None:
        """Return the finished run with the lowest measure, the earlier of two; None if no run is finished."""
        return min(self.finished, key=lambda run: run.measures.get(measure, math.inf), default=None)

    @property
    def states(self) -> str:
        """Return the number of runs in each state: `finished`, `3 finished`, `2 finished, 1 failed`."""
        counts = Counter(run.state for run in self.runs)
        if len(self.runs) == 1:
            return self.runs[0].state
        return ", ".join(f"{counts[state]} {state}" for state in reversed(STATES) if counts[state])

    def by_seed(self, measure: str) -> dict[int, float]:
        """Return a measure of the finished runs by seed; of two runs with one seed, the first is used."""
        if measure not in self._by_seed:
            found = {run.seed: run.measures[measure] for run in reversed(self.finished) if measure in run.measures}
            self._by_seed[measure] = found
        return self._by_seed[measure]

    @cached_property
    def _by_seed(self) -> dict[str, dict[int, float]]:
        return {}

    def interval(self, measure: str) -> Interval:
        """Return the mean of a measure over the finished runs."""
        if measure not in self._intervals:
            self._intervals[measure] = interval(list(self.by_seed(measure).values()))
        return self._intervals[measure]

    @cached_property
    def _intervals(self) -> dict[str, Interval]:
        return {}

    def is_bound(self, measure: str) -> bool:
        """Return whether a measure of any finished run is only a bound, so that the mean is one too."""
        return any(run.final.get(f"{measure}_is_bound") is True for run in self.finished)
