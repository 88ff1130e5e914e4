"""Runs and sweeps to compare, written in milliseconds with known losses."""

import copy
from functools import partial

from vae_exp.comparison import compare, read_runs
from vae_exp.config import Config, ConvConfig, DigitsConfig, NoTrackingConfig
from vae_exp.config.identity import as_dict, flatten
from vae_exp.machine.environment import Session
from vae_exp.storage import metrics
from vae_exp.storage.records import Data, Final
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder
from vae_exp.sweeping.planning import Request, plan

COMMAND = ["python", "-m", "vae_exp.train", "-m"]


def compared(*paths):
    """Return the comparison of the runs in these folders."""
    return compare(read_runs(paths))


def config(latent_dim=2, seed=0, **groups):
    """Return a valid configuration."""
    defaults = {"data": DigitsConfig(), "tracking": NoTrackingConfig(), "seed": seed}
    return Config(**({"model": ConvConfig(latent_dim=latent_dim)} | defaults | groups))


def write(
    path, config, losses=(), state="finished", error=None, digest="d", best_epoch=None, kl=5.0, images=None, **final
):
    """Write the folder of a run; `losses` are the (val, test) losses of each epoch, val may be None."""
    folder = RunFolder(path)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_config(config if isinstance(config, dict) else as_dict(config))
    if state == "planned":
        folder.write_status("planned")
        return folder
    folder.write_environment(Session(cpu="a CPU", threads=1), Data(digest, [1, 8, 8], images or {}), None)
    for epoch, (val, test) in enumerate(losses, start=1):
        values = {"test/loss": test, "test/reconstruction": test - kl, "test/kl": kl}
        values |= {} if val is None else {"val/loss": val}
        metrics.append(folder.metrics_file, {"epoch": epoch, "timestamp": 0, "seconds": 30.0, **values})
    if state == "finished":
        best = len(losses) if best_epoch is None else best_epoch
        folder.write_final(Final(len(losses), best, False, 60.0, final))
    folder.write_status(state, error)
    return folder


def planned(config, *known):
    """Return the plan of a command with one job."""
    request = Request([], None, partial(copy.copy, config))
    return plan([request], [], known, threads=lambda: 1, digest_of=lambda _config: "d" * 64)


def sweep(path, jobs, command=COMMAND):
    """Write a sweep; `jobs` are pairs of a configuration and options of `write`, None for a job without a folder."""
    swept = _swept([config for config, _ in jobs])
    overrides = [[f"{key}={flatten(as_dict(config))[key]}" for key in swept] for config, _ in jobs]
    configs = [config for config, _ in jobs]
    folder = SweepFolder(path)
    pairs = zip(overrides, configs, strict=True)
    requests = [Request(given, None, partial(copy.copy, config)) for given, config in pairs]
    jobs_planned = plan(requests, swept, [], threads=lambda: 1, digest_of=lambda _config: "d" * 64)
    folder.write_plan(jobs_planned, command)
    for job, (_, options) in zip(jobs_planned, jobs, strict=True):
        if options is not None:
            write(folder.path / job.name, job.config, **options)
    return folder


def _swept(configs):
    flat = [flatten(as_dict(config)) for config in configs]
    return [key for key in flat[0] if len({repr(each.get(key)) for each in flat}) > 1]
