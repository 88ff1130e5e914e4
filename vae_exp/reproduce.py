"""`python -m vae_exp.reproduce RUN`: train a finished run again and compare the two bit for bit."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
from pathlib import Path

from vae_exp import compose
from vae_exp.config import Config, NoTrackingConfig
from vae_exp.config.identity import as_dict, identity
from vae_exp.errors import UserError, complain
from vae_exp.loaded_run import read_config
from vae_exp.loading import absolute_name, open_run, require_finished
from vae_exp.storage.run_folder import RunFolder
from vae_exp.sweeping import job, naming
from vae_exp.terminal import say


def main() -> None:
    """Parse the command line and exit with the code of `reproduce`."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.reproduce", description=reproduce.__doc__)
    parser.add_argument("run", help="folder of a finished run, or the id of an MLflow run")
    parser.add_argument("overrides", nargs="*", help="key=value; where they change the experiment, nothing is compared")
    parser.add_argument("--tolerance", type=_tolerance, help="largest relative difference of metrics; not for weights")
    arguments = parser.parse_intermixed_args()
    try:
        code = reproduce(arguments.run, arguments.overrides, arguments.tolerance)
    except UserError as error:
        complain(str(error))
        code = 2
    raise SystemExit(code)


def reproduce(run: str, overrides: list[str], tolerance: float | None) -> int:
    """Train a finished run again in a new folder below outputs/ and compare metrics, final measures and weights.

    Exit codes: 0 equal, 1 different or failed, 2 refused.
    """
    with open_run(run) as origin:
        require_finished(origin, f"resume it first: python -m vae_exp.resume {run}")
        saved = read_config(origin)
        config = _ours(saved, overrides)
        is_same = _is_same(saved, config)
        _check(saved, config, origin)
        if is_same and tolerance is None:
            from vae_exp.comparison import reproduction

            reproduction.require_weights(origin)
        folder = Path("outputs") / compose.unique_name()
        label = f"{Path(run).name} again" if is_same else naming.label(overrides) or "defaults"
        code = job.run(config, folder, label, origin=absolute_name(run))
        if code or not is_same:
            return code
        return _compare(origin, RunFolder(folder), run, tolerance)


def _ours(saved: Config, overrides: list[str]) -> Config:
    """Return the saved configuration with the caller's tracking and `data.root` in place of the saved ones."""
    data = dataclasses.replace(saved.data, root=None)
    is_tracked = not isinstance(saved.tracking, NoTrackingConfig)
    tracking = compose.defaults([]).tracking if is_tracked else saved.tracking
    config = dataclasses.replace(saved, data=data, tracking=tracking)
    return compose.override(config, overrides, "overrides")


def _is_same(saved: Config, config: Config) -> bool:
    """Return whether the overrides leave the experiment unchanged, so that the results can be compared."""
    return _identity(saved) == _identity(config) and saved.trainer.epochs == config.trainer.epochs


def _identity(config: Config, group: str = "") -> dict[str, object]:
    return {key: value for key, value in identity(as_dict(config)).items() if key.startswith(group)}


def _check(saved: Config, config: Config, origin: RunFolder) -> None:
    """Raise UserError when the run can't start here, or its data is not what the origin was trained on."""
    from vae_exp.preparation import check, require_same_data  # imports torch

    try:
        splits = check(config)
        if _identity(saved, "data.") == _identity(config, "data."):
            require_same_data(origin, splits)
    except UserError as error:
        if saved.data.root is None or config.data.root is not None:
            raise
        raise UserError(f"{error}; the run's own data.root is not used: give yours as data.root=FOLDER") from None


def _compare(origin: RunFolder, again: RunFolder, run: str, tolerance: float | None) -> int:
    """Print whether the runs are equal, or what differs, and which measures only one has; return the exit code."""
    from vae_exp.comparison import reproduction

    different = reproduction.metric_differences(origin, again, tolerance or 0)
    if tolerance is None:
        different += reproduction.weight_differences(origin, again)
    for line in reproduction.measured_by_one(origin, again):
        say(job.console, line)
    what = f"{len(again.records())} epochs and the final measures"
    if not different and tolerance is None:
        say(job.console, f"equal: {what}, last and best weights are those of {run}, bit for bit")
    elif not different:
        say(job.console, f"equal within {tolerance:g}: {what} are those of {run}; weights are not compared")
    else:
        places = reproduction.environment_differences(origin, again) or ["environment: the same"]
        say(job.console, "\n".join([f"different from {run}:", *different, *places]))
    return 1 if different else 0


def _tolerance(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number of at least 0, got {text}")


if __name__ == "__main__":
    main()
