"""A sweep loaded from its folder: table, runs, the best run and the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vae_exp.comparison import Comparison, cells, compare, read_runs
from vae_exp.comparison.table import best_run
from vae_exp.errors import UserError, printable
from vae_exp.loaded_run import LoadedRun


@dataclass(frozen=True, repr=False)
class LoadedSweep:
    """A sweep loaded from its folder. Each part is read when used; a damaged file raises UserError with its name."""

    folder: Path
    """The sweep's folder."""

    @property
    def table(self) -> pd.DataFrame:
        """The comparison, one row for each configuration, as `comparison.csv` holds it.

        Columns: the keys that differ, `states`, `runs` (finished ones), `best`, then the mean of each measure over the
        seeds (losses in nats per image) and, where there are several seeds, `<measure>_ci95`, half the 95 % interval.
        """
        return self._comparison().frame()

    @property
    def runs(self) -> list[LoadedRun]:
        """Every planned run, in the order of the plan, finished or not."""
        return [LoadedRun(run.folder.path) for run in read_runs([self.folder])]

    @property
    def best(self) -> LoadedRun:
        """The run with the lowest validation loss in the best row; without a best row, UserError with the reason."""
        comparison = self._comparison()
        best = best_run(comparison)
        if best is None:
            raise UserError(f"{self.folder} has no best run: {comparison.why_unranked}")
        return LoadedRun(best.path)

    @property
    def report(self) -> Path:
        """The path of `report.html`, which compares the runs and is written when the sweep ends."""
        return self.folder / "report.html"

    def _comparison(self) -> Comparison:
        return compare(read_runs([self.folder]))

    def __repr__(self) -> str:
        return printable(f"{type(self).__name__}({self.folder}: {self._summary()})")

    def _summary(self) -> str:
        """Return the summary of the sweep: `6 runs, 5 finished, 1 failed; best: latent_dim=4`."""
        try:
            comparison = self._comparison()
        except UserError as error:
            return str(error)
        runs = comparison.runs
        states = [f"{count} {state}" for state, count in Counter(run.state for run in runs).items()]
        best = "" if comparison.best is None else f"; best: {comparison.label(comparison.best)}"
        return ", ".join([f"{len(runs)} runs", *states]) + best

    def _repr_html_(self) -> str:
        """Return the brief table as HTML; pandas escapes its content."""
        header, *rows = cells.plain(self._comparison())
        return pd.DataFrame(rows, columns=header).to_html(index=False, border=0)
