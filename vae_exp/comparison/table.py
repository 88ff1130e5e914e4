"""The comparison: rows, their order and their labels."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from vae_exp.comparison.intervals import Interval, paired
from vae_exp.comparison.rows import Row
from vae_exp.comparison.runs import Run
from vae_exp.comparison.values import texts_of
from vae_exp.config.identity import format_value
from vae_exp.storage.records import BOUNDS
from vae_exp.storage.run_folder import RunFolder

RANKED_BY = "val/loss"
"""The validation loss selects the best row; the test images then measure it."""
ESTIMATE = re.compile(r"val/(nll|negative_log_density)_iw(\d+)")
"""The estimate of −log p(x) with its K, which ranks rows with different objectives."""
SAME_AIM = ("objective.warmup_epochs",)
"""Keys of an objective that don't change its final form."""
NOT_COMPARABLE = ("data.", "model.likelihood", "model.scale", "model.dequantize")
"""Keys that change the meaning of a nat: losses with different values of them can't be ranked."""
DIGEST = "data.digest"


@dataclass(frozen=True)
class Comparison:
    """Runs, grouped by configuration."""

    runs: tuple[Run, ...]

    @cached_property
    def rows(self) -> list[Row]:
        """Return the configurations in the order in which their first runs were planned."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            groups.setdefault(_same(run), []).append(run)
        return [Row(runs[0].config, tuple(runs)) for runs in groups.values()]

    @cached_property
    def keys(self) -> list[str]:
        """Return the dotted keys that have several values; one that is the same in all that have it says nothing."""
        values: dict[str, set[str]] = {}
        for key, value in (item for run in self.runs for item in run.config.items()):
            values.setdefault(key, set()).add(repr(value))
        return [key for key, found in values.items() if len(found) > 1]

    @cached_property
    def has_seeds(self) -> bool:
        """Return whether any configuration was run with several seeds."""
        return any(len({run.seed for run in row.runs}) > 1 for row in self.rows)

    @cached_property
    def classes(self) -> int | None:
        """Return the number of distinct labels of the data, if it is the same for all runs."""
        found = {run.classes for run in self.runs if run.is_finished}
        return found.pop() if len(found) == 1 else None

    @cached_property
    def has_repeats(self) -> bool:
        """Return whether any configuration has several runs with one seed."""
        return any(len({run.seed for run in row.runs}) < len(row.runs) for row in self.rows)

    @cached_property
    def measures(self) -> list[str]:
        """Return the names of all measures of finished runs, in order.

        With several seeds, which give confidence intervals, the standard errors of single runs are left out.
        """
        names = dict.fromkeys(name for run in self.runs for name in run.measures)
        return [name for name in names if not (self.has_seeds and name.endswith("_se"))]

    @property
    def objectives(self) -> list[str]:
        """Return the keys in which the objectives of the configurations differ."""
        return [key for key in self.keys if key.startswith("objective.") and key not in SAME_AIM]

    @cached_property
    def ranked_by(self) -> str:
        """Return the measure that ranks: `val/loss`, or for different objectives an estimate of −log p(x).

        The plain ELBO would favour runs that were trained on it. All finished runs must have the estimate with the same
        K; of several estimates, the one with the largest K is used.
        """
        finished = [run for run in self.runs if run.is_finished]
        found = [ESTIMATE.fullmatch(name) for name in self.measures if all(name in run.measures for run in finished)]
        estimates = {int(match[2]): match[0] for match in found if match}
        return estimates[max(estimates)] if self.objectives and estimates else RANKED_BY

    @property
    def amount(self) -> str:
        """Return the measure of test images that corresponds to `ranked_by`; differences to the best are in it."""
        return self.ranked_by.replace("val/", "test/")

    @cached_property
    def best(self) -> Row | None:
        """Return the row with the lowest mean of `ranked_by`, the earlier of ties; None without a ranking."""
        return None if self.why_unranked else self.ranked[0]

    @cached_property
    def ranked(self) -> list[Row]:
        """Return the rows that have `ranked_by`, the lowest mean first."""
        found = [row for row in self.rows if row.by_seed(self.ranked_by)]
        return sorted(found, key=lambda row: row.interval(self.ranked_by).mean)

    @property
    def foremost_rows(self) -> list[Row]:
        """Return the rows that are ranked, the lowest mean first, and then the others."""
        return self.ranked + [row for row in self.rows if not row.by_seed(self.ranked_by)]

    @cached_property
    def foremost(self) -> list[Run]:
        """Return all runs in order of priority, for when not all can be shown.

        The best configuration comes first, one seed of each; then the second seed of each, and so on.
        """
        ordered = [sorted(row.runs, key=lambda run: not run.is_finished) for row in self.foremost_rows]
        return [run for seeds in itertools.zip_longest(*ordered) for run in seeds if run is not None]

    @cached_property
    def why_unranked(self) -> str | None:
        """Return the reason why there is no best row; None if there is one."""
        finished = [run for run in self.runs if run.is_finished]
        if not finished:
            return "no run is finished"
        differing = [key for key in self.keys if key.startswith(NOT_COMPARABLE)]
        if differing or len({run.digest for run in finished}) > 1:
            what = f"these differ: {', '.join(differing)}" if differing else "the runs are on different data"
            return f"losses of different images or likelihoods can't be ranked, and {what}"
        return None if self.ranked else f"no run has {RANKED_BY}: there are no validation images"

    def against_best(self, row: Row) -> Interval | None:
        """Return a row's `amount` minus the best row's, paired by seed; None for the best row itself."""
        if self.best is None or row is self.best:
            return None
        found = paired(row.by_seed(self.amount), self.best.by_seed(self.amount))
        return found if found.values else None

    def label(self, row: Row) -> str:
        """Return the label of a configuration: `latent_dim=2, beta=4.0`, by the keys that it has."""
        own = [key for key in self.keys if key in row.config]
        return ", ".join(f"{self.short(key)}={self.text(key, row)}" for key in own) or "all runs"

    def text(self, key: str, row: Row) -> str:
        """Return a row's value of a key that differs, with as few digits as distinguish it from the other rows'."""
        return self._texts[key][id(row)]

    @cached_property
    def _texts(self) -> dict[str, dict[int, str]]:
        """Return the texts of the values of each key, by the identity of the row."""
        rows = self.rows
        places = [id(row) for row in rows]
        return {key: dict(zip(places, texts_of(row.value(key) for row in rows), strict=True)) for key in self.keys}

    def run_label(self, run: Run) -> str:
        """Return the label of a run: that of its configuration, and its seed if there are several."""
        row = self._row_of[id(run)]
        parts = [self.label(row)] if self.keys else []
        parts += [f"seed={run.seed}"] if self._has_many_seeds else []
        is_alone = sum(other.seed == run.seed for other in row.runs) == 1
        return ", ".join(parts) if parts and is_alone else ", ".join([*parts, run.name])

    def number(self, run: Run) -> int:
        """Return the place of a run among all runs."""
        return self._numbers[id(run)]

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {id(run): i for i, run in enumerate(self.runs)}

    @cached_property
    def _row_of(self) -> dict[int, Row]:
        return {id(run): row for row in self.rows for run in row.runs}

    @cached_property
    def _has_many_seeds(self) -> bool:
        return len({run.seed for run in self.runs}) > 1

    def short(self, key: str) -> str:
        """Return the last part of a dotted key, or all of it if two keys have it; `objective` for `objective.name`."""
        last = [other.removesuffix(".name").rpartition(".")[2] for other in (key, *self.keys)]
        return last[0] if last[1:].count(last[0]) <= 1 else key

    def frame(self) -> pd.DataFrame:
        """Return the table with all numbers, the content of `comparison.csv`."""
        return pd.DataFrame([self._cells(row) for row in self.rows])

    def _cells(self, row: Row) -> dict[str, Any]:
        values = {key: row.config.get(key, math.nan) for key in self.keys}
        cells = {key: value if type(value) in (int, float) else format_value(value) for key, value in values.items()}
        cells |= {"states": row.states, "runs": len(row.finished), "best": row is self.best}
        for measure in self.measures:
            found = row.interval(measure)
            cells |= {measure: found.mean} | ({f"{measure}_ci95": found.half} if self.has_seeds else {})
            cells |= {f"{measure}_is_bound": row.is_bound(measure)} if measure in BOUNDS else {}
        if self.best is not None:
            against = self.against_best(row) or Interval(0.0 if row is self.best else math.nan, math.nan, 0)
            cells |= {f"{self.amount}_vs_best": against.mean}
            cells |= {f"{self.amount}_vs_best_ci95": against.half} if self.has_seeds else {}
        return cells


def best_run(comparison: Comparison) -> RunFolder | None:
    """Return the folder of the best run of the best row."""
    best = comparison.best and comparison.best.best(comparison.ranked_by)
    return best.folder if best else None


def compare(runs: Sequence[Run]) -> Comparison:
    """Return the comparison of at least one run.

    If runs with the same configuration have different data, the digest of the data becomes another key.
    """
    digests: dict[str, set[str]] = {}
    for run in runs:
        digests.setdefault(_same(run), set()).update([run.digest] if run.digest else [])
    if any(len(found) > 1 for found in digests.values()):
        runs = [dataclasses.replace(run, config=run.config | {DIGEST: (run.digest or "unknown")[:8]}) for run in runs]
    return Comparison(tuple(runs))


def _same(run: Run) -> str:
    """Return a key that runs of one configuration share."""
    return repr(sorted(run.config.items()))
