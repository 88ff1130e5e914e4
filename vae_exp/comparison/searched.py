"""The results of a search as plain numbers, for its charts. `searching.charts` reads them from the search's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tried:
    """One trial."""

    number: int
    runs: Sequence[str]
    """Names of its run folders, one a seed."""
    point: Mapping[str, float | str]
    """The value of each searched key, as text if it is not a number."""
    values: Sequence[Sequence[float] | None]
    """Its measures at each rung to which it was promoted; None if it diverged or has not reached it yet."""
    spent: Sequence[int]
    """Epochs that all trials had spent when it had reached each of these rungs."""


@dataclass(frozen=True)
class Searched:
    """The trials of a search, and what is derived from them."""

    measures: Sequence[str]
    """What is minimised, one measure or two, in nats per image."""
    keys: Sequence[str]
    ratios: Sequence[str]
    """The keys that are searched by their ratios, on a logarithmic scale."""
    rungs: Sequence[int]
    """The epochs of the rungs that have started."""
    trials: Sequence[Tried]
    course: Sequence[tuple[int, float]]
    """Epochs that all trials had spent, and the lowest value by then, each time that it fell."""
    spent: Sequence[int]
    """Epochs that all trials had spent when each rung ended."""
    importances: Mapping[str, float]
    """The importance of each key for being among the best trials of the first rung; empty if it is not known."""
    front: Sequence[int]
    """Numbers of the trials on the Pareto front of the last rung."""
    summary: Sequence[str] = ()
    """The states of the trials, the epochs spent, and the command that trains the best again, a line each."""

    def at(self, rung: int) -> list[tuple[Tried, Sequence[float]]]:
        """Return the trials with a value at a rung (the first is 0), and that value."""
        reached = [trial for trial in self.trials if len(trial.values) > rung]
        return [(trial, value) for trial in reached if (value := trial.values[rung]) is not None]
