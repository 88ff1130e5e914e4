"""The progress of a search: its trials and rungs. While one of its runs trains, torch is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vae_exp.searching.options import FILE, Options
from vae_exp.searching.space import Space
from vae_exp.storage import files
from vae_exp.storage.sweep_folder import Job


class Asked(msgspec.Struct, frozen=True):
    """The part of `search.json` that decides how long a search is."""

    options: Options
    space: Space


@dataclass(frozen=True)
class Trials:
    """The trials of a search so far, the requested ones, and the epochs at which they are compared."""

    planned: int
    asked: int
    rungs: Sequence[int]

    def goal(self, epoch: int) -> int:
        """Return the epoch of the next rung of a run with this number of epochs."""
        return next((rung for rung in self.rungs if rung > epoch), self.rungs[-1])

    def __str__(self) -> str:
        return f"search: {self.planned} of {self.asked} trials; rungs at epoch {', '.join(map(str, self.rungs))}"


def read(folder: Path, jobs: Sequence[Job]) -> Trials | None:
    """Return the trials of the search in a folder; None if it is a sweep. Raises UserError if a file is damaged."""
    if not jobs or not (folder / FILE).is_file():
        return None
    asked = files.read_record(folder / FILE, Asked)
    most, size = asked.options.trials or 0, asked.space.size
    planned = {job.trial for job in jobs if job.trial is not None}
    rungs = asked.options.rungs(jobs[0].config["trainer"]["epochs"])
    return Trials(len(planned), most if size is None else min(most, size), rungs)


def is_over(folder: Path) -> bool:
    """Return whether the last rung of a search has ended. Call it only while none of its runs trains."""
    from vae_exp.searching.loaded_search import LoadedSearch  # torch takes a second

    return LoadedSearch(folder).findings.is_over
