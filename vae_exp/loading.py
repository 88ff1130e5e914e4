"""Load a run by the path of its folder or by its id in MLflow."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from vae_exp.errors import UserError
from vae_exp.loaded_model import LoadedModel, load_export
from vae_exp.loaded_run import LoadedRun, read_config
from vae_exp.storage.paths import require_path
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import fetch_model, fetch_run

MLFLOW_ID = r"(?:runs:/)?([0-9a-f]{32})"
"""Names of MLflow runs, in place of a folder."""


def load_run(run: str | Path, allow_unfinished: bool = False) -> LoadedRun | LoadedModel:
    """Load a run: `run` is its folder, or `runs:/<id>` or `<id>` of an MLflow run, which is downloaded.

    `models:/<name>@<alias>`, `models:/<name>/<version>` and `models:/<id>` are models that MLflow has of runs: what is
    returned has no metrics, and is read by vae_exp's own code, as `load_export` reads an export.

    The data set is not needed. Raises UserError when there is no such run, its configuration is damaged, or it is not
    finished; with `allow_unfinished` its model has the best weights so far.
    """
    if str(run).startswith("models:/"):
        return _load_model(str(run))
    loaded = _load(run)
    folder = RunFolder(loaded.folder)
    if not allow_unfinished:
        require_finished(folder, "give allow_unfinished=True to load its best weights so far")
    read_config(folder)
    return loaded


def _load(run: str | Path) -> LoadedRun:
    run_id = _mlflow_id(run)
    if run_id is None:
        return LoadedRun(require_path(run, "run"))
    place = Path(tempfile.mkdtemp(prefix="vae_exp_"))
    loaded = LoadedRun(place)
    weakref.finalize(loaded, shutil.rmtree, place, ignore_errors=True)
    fetch_run(run_id, place)
    return loaded


def _load_model(model: str) -> LoadedModel:
    place = Path(tempfile.mkdtemp(prefix="vae_exp_"))
    try:
        loaded = load_export(fetch_model(model, place))
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    weakref.finalize(loaded, shutil.rmtree, place, ignore_errors=True)
    return loaded


@contextlib.contextmanager
def open_run(run: str | Path) -> Iterator[RunFolder]:
    """Yield the folder of a run; a folder that is downloaded from MLflow is deleted at the end."""
    loaded = _load(run)
    yield RunFolder(loaded.folder)


def absolute_name(run: str | Path) -> str:
    """Return a run's absolute name: `runs:/<id>`, or the absolute path of its folder."""
    run_id = _mlflow_id(run)
    return f"runs:/{run_id}" if run_id else str(Path(run).absolute())


def _mlflow_id(run: str | Path) -> str | None:
    name = re.fullmatch(MLFLOW_ID, str(run))
    return name[1] if name and not Path(run).is_dir() else None


def require_finished(folder: RunFolder, advice: str) -> None:
    """Raise UserError, ending with `advice`, unless the run is finished."""
    read_config(folder)  # raises UserError when it is not a run
    if (state := folder.state()) != "finished":
        raise UserError(f"{folder.path} must be a finished run, got one that is {state}; {advice}")
