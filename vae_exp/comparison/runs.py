"""Read runs for a comparison, from folders of runs and sweeps that may still be written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vae_exp.config.identity import as_dict, identity
from vae_exp.config.saved import load_config
from vae_exp.errors import UserError, one_line, printable
from vae_exp.storage.metrics import Record
from vae_exp.storage.run_folder import RunFolder, is_run_folder
from vae_exp.storage.sweep_folder import Job, SweepFolder, is_sweep

PER_EPOCH = ("val/", "test/", "train/")


@dataclass(frozen=True)
class Run:
    """One run in any state."""

    folder: RunFolder
    config: dict[str, Any]
    """The keys of its identity, without the seed but with `trainer.epochs`."""
    seed: int
    state: str
    error: str | None
    """Why it failed, in one line."""
    records: list[Record]
    final: dict[str, Any]
    digest: str | None
    """Digest of its data; None before its first start."""
    images: dict[str, int]
    """Number of images of each split; empty for a run of version 0.1, which didn't save it."""
    classes: int | None
    """Number of distinct labels of its data, if it is saved."""

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return printable(self.folder.path.resolve().name)

    @property
    def is_finished(self) -> bool:
        """Return whether it is finished, and so counts in means and in the ranking."""
        return self.state == "finished"

    @cached_property
    def measures(self) -> dict[str, float]:
        """Return the measures of its best weights; empty while it is unfinished."""
        if not self.is_finished:
            return {}
        best = next((record for record in self.records if record["epoch"] == self.final.get("best_epoch")), {})
        numbers = {key: value for key, value in self.final.items() if type(value) in (int, float)}
        return {key: value for key, value in best.items() if key.startswith(PER_EPOCH)} | numbers


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """Return the runs of these folders of runs and sweeps, in order and each once.

    Raises UserError, naming the folder, when it is neither, or a file in it is damaged.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        for run in _read(path):
            found.setdefault(run.folder.path.resolve(), run)
    return list(found.values())


def planned_runs(sweep: SweepFolder, jobs: Iterable[Job]) -> list[Run]:
    """Return the runs of these jobs of a sweep."""
    return [_run(sweep.folder(job), job.config, f"{sweep.plan_file}: {job.name}") for job in jobs]


def _read(path: Path) -> Iterable[Run]:
    if is_sweep(path):
        sweep = SweepFolder(path)
        return planned_runs(sweep, [job for job in sweep.jobs() if not job.refused])
    if is_run_folder(path):
        folder = RunFolder(path)
        return [_run(folder, folder.read_config() or {}, str(folder.config_file))]
    raise UserError(f"{path} is neither a run nor a sweep: it has no config.yaml and no sweep.json")


def _run(folder: RunFolder, saved: dict[str, Any], where: str) -> Run:
    """Return a run. Its files may be untrusted, so each text becomes one line without control characters."""
    folder.refuse_links()
    config = load_config(saved, where)
    keys = identity(as_dict(config)) | {"trainer.epochs": config.trainer.epochs}
    del keys["seed"]
    state, status = folder.state(), folder.read_status()
    environment, final = folder.read_environment(), folder.read_final()
    error, digest = status and status.error, environment.data.digest if environment else None
    return Run(
        folder,
        keys,
        config.seed,
        state,
        None if error is None else printable(one_line(error)),
        folder.records(),
        final.flat() if final and state == "finished" else {},
        None if digest is None else printable(digest),
        environment.data.images if environment else {},
        environment.data.classes if environment else None,
    )
