"""A real Slurm for tests: one that runs here, or one that the script named by VAE_EXP_SLURM starts."""

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
"""The first two last long enough for something to happen to them."""


def ask(*command):
    """Return what a command prints; nothing where it isn't installed or fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def has_node():
    found = ask("sinfo", "--noheader", "--format=%t").split()
    return any(node.startswith(("idle", "mix", "alloc", "comp")) for node in found)


@pytest.fixture(scope="session")
def cluster():
    """Have a Slurm with a node, or skip the test."""
    if not has_node() and (script := os.environ.get("VAE_EXP_SLURM")):
        ask(script)
    if not has_node():
        pytest.skip("no Slurm runs here; VAE_EXP_SLURM may name a script that starts one")


@pytest.fixture
def begin(tmp_path, monkeypatch, cluster):
    """Start sweeps in the test's folder, where a store is; whatever happens leave none of their jobs in the queue."""
    monkeypatch.chdir(tmp_path)
    MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    processes = []

    def begin(*arguments):
        processes.append(start(tmp_path, "train", *arguments))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()
    for folder in tmp_path.glob("outputs/*/.submitit"):
        assert slurm.cancel(folder)
        slurm.cancel_numbers({job.number for job in slurm.queued(folder)})


def until(found, what):
    """Return what `found` returns as soon as it is true."""
    for _ in range(3000):
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"in five minutes {what}")


def in_the_store(cwd, *labels):
    """Return the sweep as soon as these jobs are running and have begun their runs in MLflow."""

    def begun():
        folders = [folder for label in labels for folder in cwd.glob(f"outputs/*/{label}_*")]
        seen = [receipt.epochs for folder in folders for receipt in receipts.read(folder).values()]
        return len(seen) == len(labels) and all(seen)

    until(begun, f"{labels} were not seen in MLflow")
    sweep = sweep_of(cwd)
    assert {states(sweep)[label] for label in labels} == {"running"}
    return sweep


def jobs_of(sweep):
    """Return the tasks of a sweep's array in the queue, by their numbers in it."""
    return {job.number.split("_")[1]: job for job in slurm.queued(sweep.path / ".submitit") if "_" in job.number}


def put_back(sweep, index):
    """Wait until a job is back in the queue, and let it start now: Slurm would wait for two minutes."""

    def waits():
        job = jobs_of(sweep).get(index)
        return job and job.state == "PENDING" and job

    number = until(waits, "the job was not put back").number
    subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=True)


def sessions(sweep):
    return {job.label: len(sweep.folder(job).read_environment().sessions) for job in sweep.jobs()}
