"""Sweeps on a real Slurm: one that runs here, or one that the script named by VAE_EXP_SLURM starts."""

import os
import signal
import subprocess
import time

import psutil
import pytest
from mlflow import MlflowClient
from sweeps import QUICK, require_history, run, start, states, sweep_of, tracked

from vae_exp.sweeping import slurm
from vae_exp.tracking import receipts

pytestmark = pytest.mark.process

LAUNCHER = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=10", "hydra.launcher.cpus_per_task=1"]
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


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    if not has_node() and (script := os.environ.get("VAE_EXP_SLURM")):
        ask(script)
    if not has_node():
        pytest.skip("no Slurm runs here; VAE_EXP_SLURM may name a script that starts one")


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Start sweeps in the test's folder, where a store is; whatever happens leave none of their jobs in the queue."""
    monkeypatch.chdir(tmp_path)
    MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    processes = []

    def begin(*arguments):
        processes.append(start(tmp_path, "train", *arguments, *LAUNCHER))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()
    for folder in tmp_path.glob("outputs/*/.submitit"):
        assert slurm.cancel(folder)


def until(found, what):
    """Return what `found` returns as soon as it is true."""
    for _ in range(1200):
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"in two minutes {what}")


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
    """Return the states of a sweep's jobs in the queue, by their numbers in the array."""
    return {job.number.split("_")[1]: job for job in slurm.queued(sweep.path / ".submitit")}


def put_back(sweep, index):
    """Wait until a job is back in the queue, and let it start now: Slurm would wait for two minutes."""

    def waits():
        job = jobs_of(sweep).get(index)
        return job and job.state == "PENDING" and job

    number = until(waits, "the job was not put back").number
    subprocess.run(["scontrol", "update", f"JobId={number}", "StartTime=now"], check=True)


def sessions(sweep):
    return {job.label: len(sweep.folder(job).read_environment().sessions) for job in sweep.jobs()}


def test_a_cancelled_job_stops_no_other_and_resuming_the_sweep_finishes_it(tmp_path, begin):
    process = begin(*FOUR)
    sweep = in_the_store(tmp_path, "batch_size=1")
    subprocess.run(["scancel", jobs_of(sweep)["0"].number], check=True)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1, stderr
    assert list(states(sweep).values()) == ["interrupted", "finished", "finished", "finished"]
    assert [tracked(tmp_path)[1][job.label].info.status for job in sweep.jobs()] == ["KILLED", *3 * ["FINISHED"]]
    way_on = f"Go on with: python -m vae_exp.resume outputs/{sweep.path.name} {' '.join(LAUNCHER)}"
    assert way_on in stdout.splitlines()
    assert "1 of 4 runs is not finished" in stdout
    assert stderr == ""
    resumed = run(tmp_path, "resume", sweep.path)
    assert resumed.returncode == 0, resumed.stderr
    assert set(states(sweep).values()) == {"finished"}
    assert list(sessions(sweep).values()) == [2, 1, 1, 1]
    require_history(tmp_path, sweep)
    for job in sweep.jobs():
        session = sweep.folder(job).read_environment().sessions[0]
        assert session.threads == 1
        assert session.command == ["python", "-m", "vae_exp.train", *FOUR, *LAUNCHER]


def test_what_slurm_refuses_is_said_in_one_line_and_the_sweep_can_go_on(tmp_path, begin):
    process = begin(*FOUR, "tracking=none", "hydra.launcher.partition=nowhere")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    (line,) = (line for line in stderr.splitlines() if line.startswith("error: "))
    assert line.startswith("error: Slurm took no job: ")
    assert "invalid partition specified: nowhere" in line
    assert "Traceback" not in stdout + stderr
    assert set(states(sweep_of(tmp_path)).values()) == {"planned"}
    assert "Go on with: python -m vae_exp.resume" in stdout


@pytest.mark.faults
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_sweep_leaves_no_job_in_the_queue_and_says_how_to_go_on(tmp_path, begin, number, code):
    process = begin(*FOUR, "trainer.epochs=100000")
    sweep = in_the_store(tmp_path, "batch_size=1", "batch_size=2")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert jobs_of(sweep) == {}
    assert list(states(sweep).values()) == ["interrupted", "interrupted", "planned", "planned"]
    assert {found.info.status for found in tracked(tmp_path)[1].values()} == {"KILLED"}
    assert f"Go on with: python -m vae_exp.resume outputs/{sweep.path.name}" in stdout
    assert "Traceback" not in stdout + stderr


@pytest.mark.faults
def test_a_requeued_job_goes_on_and_a_killed_one_stops_nobody(tmp_path, begin):
    process = begin(*FOUR)
    sweep = in_the_store(tmp_path, "batch_size=1", "batch_size=2")
    first, second, *_ = sweep.jobs()
    psutil.Process(sweep.folder(second).read_status().pid).kill()
    subprocess.run(["scontrol", "requeue", jobs_of(sweep)["0"].number], check=True)
    put_back(sweep, "0")
    _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1, stderr
    assert list(states(sweep).values()) == ["finished", "interrupted", "finished", "finished"]
    assert list(sessions(sweep).values()) == [2, 1, 1, 1]
    assert "stopped by a signal" in sweep.folder(first).log_file.read_text(encoding="utf-8")
    assert run(tmp_path, "resume", sweep.path, *LAUNCHER).returncode == 0
    require_history(tmp_path, sweep)


@pytest.mark.faults
@pytest.mark.parametrize("times", [0, 1])
def test_a_job_whose_time_is_up_is_interrupted_and_put_back_where_that_is_allowed(tmp_path, begin, times):
    process = begin(*FOUR, f"hydra.launcher.max_num_timeout={times}")
    sweep = in_the_store(tmp_path, "batch_size=1")
    ask("scancel", "--signal=USR2", jobs_of(sweep)["0"].number)  # fails where the job ends while it still looks
    if times:
        put_back(sweep, "0")
    _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1 - times, stderr
    assert list(states(sweep).values()) == ["finished" if times else "interrupted", *3 * ["finished"]]
    assert list(sessions(sweep).values()) == [1 + times, 1, 1, 1]
    assert "stopped by a signal" in sweep.folder(sweep.jobs()[0]).log_file.read_text(encoding="utf-8")


@pytest.mark.faults
def test_a_sweep_whose_jobs_are_still_queued_is_refused_to_another_command(tmp_path, begin):
    process = begin(*FOUR, "trainer.epochs=100000")
    sweep = in_the_store(tmp_path, "batch_size=1")
    number = jobs_of(sweep)["0"].number.split("_")[0]
    process.kill()
    process.wait()
    done = run(tmp_path, "resume", sweep.path)
    assert done.returncode == 2
    way_on = f"wait for them, or stop them with: scancel {number}"
    assert done.stderr == f"error: {sweep.path} has jobs in Slurm's queue; {way_on}\n"
