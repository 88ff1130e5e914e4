"""A real Slurm for tests: one that is already running, or one started by the script that VAE_EXP_SLURM names."""

import os
import subprocess
import time

import pytest
from mlflow import MlflowClient
from sweeps import QUICK, start, states, sweep_of

from vae_exp.sweeping import slurm
from vae_exp.tracking import receipts

LAUNCHER = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=10", "hydra.launcher.cpus_per_task=1"]
WAIT = [*LAUNCHER, "hydra.sweeper.wait=true"]
FOUR = ["-m", "trainer.batch_size=1,2,200,300", *(option for option in QUICK if "batch_size" not in option)]
"""The first two jobs are long enough to be interrupted."""


def output_of(*command):
    """Return what a command prints; an empty string if it is not installed or fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def has_node():
    found = output_of("sinfo", "--noheader", "--format=%t").split()
    return any(node.startswith(("idle", "mix", "alloc", "comp")) for node in found)


@pytest.fixture(scope="session")
def cluster():
    """Require a Slurm with a node, or skip the test."""
    if not has_node() and (script := os.environ.get("VAE_EXP_SLURM")):
        output_of(script)
    if not has_node():
        pytest.skip("no Slurm runs here; VAE_EXP_SLURM may name a script that starts one")


@pytest.fixture
def start_sweep(tmp_path, monkeypatch, cluster):
    """Return a function that starts a sweep in the test's folder; afterwards remove its jobs from the queue."""
    monkeypatch.chdir(tmp_path)
    MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    processes = []

    def start_sweep(*arguments):
        processes.append(start(tmp_path, "train", *arguments))
        return processes[-1]

    yield start_sweep
    for process in processes:
        process.kill()
        process.communicate()
    for folder in tmp_path.glob("outputs/*/.submitit"):
        assert slurm.cancel(folder)
        slurm.cancel_numbers({job.number for job in slurm.queued(folder)})


def wait_until(found, what):
    """Call `found` until its result is true; return the result."""
    for _ in range(3000):
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"in five minutes {what}")


def wait_until_tracked(cwd, *labels):
    """Wait until these jobs are running and have an epoch in MLflow; return the sweep."""

    def is_tracked():
        folders = [folder for label in labels for folder in cwd.glob(f"outputs/*/{label}_*")]
        seen = [receipt.epochs for folder in folders for receipt in receipts.read(folder).values()]
        return len(seen) == len(labels) and all(seen)

    wait_until(is_tracked, f"{labels} did not appear in MLflow")
    sweep = sweep_of(cwd)
    assert {states(sweep)[label] for label in labels} == {"running"}
    return sweep


def jobs_of(sweep):
    """Return the queued tasks of a sweep's array by their index."""
    return {job.number.split("_")[1]: job for job in slurm.queued(sweep.path / ".submitit") if "_" in job.number}


def wait_until_requeued(sweep, index):
    """Wait until a job is back in the queue, then start it: Slurm would wait for two minutes."""

    def waits():
        job = jobs_of(sweep).get(index)
        return job and job.state == "PENDING" and job

    number = wait_until(waits, "the job was not requeued").number
    subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=True)


def sessions(sweep):
    return {job.label: len(sweep.folder(job).read_environment().sessions) for job in sweep.jobs()}
