"""Sweeps as a user runs them, in processes that can be killed, and the results that they leave."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
from commands import Command
from mlflow import MlflowClient
from tracked import SHOWN

from vae_exp.storage import checkpoint
from vae_exp.storage.sweep_folder import SweepFolder

SMALL = ["data=digits", "model.channels=[1,4]", "trainer.epochs=4", "trainer.batch_size=200", "evaluation.final=false"]
QUICK = [*SMALL, "figures.which=[samples]", "trainer.checkpoint_every=2", "trainer.patience=null"]
TIMES = ("seconds", "timestamp")


def start(cwd, verb, *arguments):
    """Start `python -m vae_exp.<verb>` as the leader of its own process group."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    if not any("launcher" in str(argument) for argument in arguments):
        return Command(cwd, verb, *arguments, environment=environment)
    command = [sys.executable, "-m", f"vae_exp.{verb}", *map(str, arguments)]  # launchers start Python again
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True, **streams)


def run(cwd, verb, *arguments):
    """Run `python -m vae_exp.<verb>` to its end."""
    process = start(cwd, verb, *arguments)
    stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def kill_group(process):
    """Kill a command and all processes that it started, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def sweep_of(cwd):
    """Return the only sweep below a folder's `outputs/`."""
    (folder,) = (path for path in (Path(cwd) / "outputs").iterdir() if (path / "sweep.json").exists())
    return SweepFolder(folder)


def states(sweep):
    return {job.label: sweep.folder(job).state() for job in sweep.jobs()}


def table(sweep):
    """Return `comparison.csv` without times."""
    frame = pd.read_csv(sweep.path / "comparison.csv")
    return frame[[column for column in frame if not column.startswith(TIMES)]]


def weights(sweep):
    """Return a digest of the best and the last weights of each job."""
    return {
        (job.label, which): checkpoint.digest(sweep.folder(job).read_weights(which)[0])
        for job in sweep.jobs()
        for which in ("best", "last")
    }


def tracked(cwd, experiment="vae_exp"):
    """Return the client of the store in a folder, and its runs by their names, which must be unique."""
    client = MlflowClient(f"sqlite:///{Path(cwd) / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert len({run.info.run_name for run in runs}) == len(runs)
    return client, {run.info.run_name: run for run in runs}


def require_history(cwd, sweep):
    """Require that each job has one run in MLflow that is FINISHED and has every point once."""
    client, runs = tracked(cwd)
    assert set(runs) == {job.label for job in sweep.jobs()}
    for job in sweep.jobs():
        run, records = runs[job.label], sweep.folder(job).records()
        assert run.info.status == "FINISHED"
        for key in ("train/loss", "val/loss", "test/kl"):
            points = client.get_metric_history(run.info.run_id, SHOWN[key])
            written = [(record["epoch"], record[key], record["timestamp"]) for record in records]
            assert sorted((point.step, point.value, point.timestamp) for point in points) == written
        assert run.data.metrics["measures/best_epoch"] == sweep.folder(job).read_final().best_epoch
