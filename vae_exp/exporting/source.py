"""The source of an export: a finished run, or the best of a sweep, with its measures."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_exp.comparison import compare, read_runs
from vae_exp.comparison.rows import Row
from vae_exp.comparison.table import Comparison, best_run
from vae_exp.config import Config
from vae_exp.errors import UserError
from vae_exp.loaded_run import image_shape, read_config
from vae_exp.loading import open_run, require_finished
from vae_exp.machine.environment import Session
from vae_exp.searching.record import record_file
from vae_exp.storage.paths import require_path
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import is_sweep
from vae_exp.terminal import shown

if TYPE_CHECKING:
    from vae_exp.models.vae import Shape


@dataclass(frozen=True)
class Source:
    """A finished run, without information about the machine or the person that trained it."""

    folder: RunFolder
    config: Config
    """Its configuration, with `data.root: null`."""
    shape: Shape
    digest: str
    """SHA-256 of the data."""
    commit: str | None
    """The commit of vae_exp that started it."""
    versions: dict[str, str]
    final: dict[str, Any]
    comparison: Comparison
    """The run, or its sweep."""
    row: Row
    """The run, or all seeds of the best row of a sweep."""


@contextlib.contextmanager
def open_source(run: str | Path) -> Iterator[Source]:
    """Yield the run of a folder or of MLflow; for a sweep's folder, its best run.

    Raises UserError when there is none, or it is unfinished.
    """
    path = require_path(run, "the folder")
    if record_file(path).is_file():
        yield _of_search(path)
        return
    if is_sweep(path):
        compared = compare(read_runs([path]))
        best = best_run(compared)
        if best is None or compared.best is None:
            raise UserError(f"{run} has no best run to export: {compared.why_unranked}; give the folder of a run")
        yield _read(best, compared, compared.best)
        return
    with open_run(run) as folder:
        require_finished(folder, f"resume it first: python -m vae_exp.resume {run}")
        compared = compare(read_runs([folder.path]))
        yield _read(folder, compared, compared.rows[0])


def _of_search(path: Path) -> Source:
    """Return the best run of a search; raise UserError if it minimised two measures."""
    from vae_exp.searching.loaded_search import LoadedSearch  # imports torch

    search = LoadedSearch(path)
    findings = search.findings
    if not findings.has_best and findings.ranking:
        names = ", ".join(each.folder.name for each in search.front)
        raise UserError(
            f"{path} minimises two measures and has no best run; give the folder of one on its front: {names}"
        )
    best = RunFolder(search.best.folder)
    require_finished(best, f"continue the search first: python -m vae_exp.resume {shown(path)}")
    compared = compare(read_runs([path]))
    row = next(row for row in compared.rows if any(run.folder.path == best.path for run in row.runs))
    return _read(best, compared, row)


def _read(folder: RunFolder, comparison: Comparison, row: Row) -> Source:
    config = read_config(folder)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, root=None))
    environment, final = folder.read_environment(), folder.read_final()
    if environment is None or environment.data.digest is None or final is None:
        raise UserError(f"{folder.path} must have environment.json with the digest of its data, and final.json")
    session = environment.sessions[-1] if environment.sessions else Session()
    versions = {name: session.packages.get(name) for name in ("vae_exp", "torch")}
    return Source(
        folder,
        config,
        image_shape(folder),
        environment.data.digest,
        session.git.commit if session.git else None,
        {name: version for name, version in versions.items() if version},
        final.flat(),
        comparison,
        row,
    )
