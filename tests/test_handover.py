"""Sweeps handed over to a real Slurm: the command returns, and a last job concludes the sweep."""

import random
import subprocess
import time

import psutil
import pytest
from clusters import FOUR, LAUNCHER, cluster, has_node, jobs_of, output_of, sessions, start_sweep, wait_until
from sweeps import QUICK, require_history, run, states, sweep_of, tracked

from vae_exp.sweeping import slurm

pytestmark = pytest.mark.process
__all__ = ["start_sweep", "cluster"]

THREE = ["-m", "seed=0,1,2", *QUICK]
SHORT = [option.replace("1,2,200,300", "20,25,200,300") for option in FOUR]
"""Two of its jobs take some seconds: a fault may occur before, during and after them."""
TWO_A_TASK = [*LAUNCHER, "hydra.sweeper.jobs_per_task=2"]


def queue(sweep):
    return slurm.queued(sweep.path / slurm.HOME)


def require_concluded(sweep, count=1):
    """Wait until no job is queued; require that `count` jobs concluded the sweep, and return what they printed."""
    wait_until(lambda: not queue(sweep), "Slurm still had jobs")
    logs = sorted(sweep.path.glob(".submitit/*/conclusion/*.out"))
    assert len(logs) == count, [path.read_text() for path in sweep.path.glob(".submitit/*/*/*.err")]
    assert (sweep.path / "report.html").exists()
    return "".join(log.read_text(encoding="utf-8") for log in logs)


def test_the_command_returns_and_the_last_slurm_job_writes_the_report(tmp_path, start_sweep):
    stdout, stderr = (process := start_sweep(*THREE, *TWO_A_TASK)).communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")
    sweep = sweep_of(tmp_path)
    assert set(output_of("squeue", "--noheader", "--format=%j").split()) >= {sweep.path.name}
    for verb in ("status", "stop", "resume"):
        assert f"python -m vae_exp.{verb} outputs/{sweep.path.name}" in stdout
    assert len(jobs_of(sweep)) == 2
    again = run(tmp_path, "resume", sweep.path, *LAUNCHER)
    assert again.returncode == 2
    assert "has all its unfinished jobs in Slurm's queue" in again.stderr
    printed = require_concluded(sweep)
    assert set(states(sweep).values()) == {"finished"}
    assert list(sessions(sweep).values()) == [1, 1, 1]
    assert "Report: " in printed
    require_history(tmp_path, sweep)
    assert not list(sweep.path.rglob("*.pkl"))


def test_a_submission_that_slurm_refuses_reports_slurms_error_and_leaves_nothing_behind(tmp_path, start_sweep):
    process = start_sweep(*THREE, *LAUNCHER, "hydra.launcher.partition=nowhere")
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert stderr.startswith("error: Slurm accepted no job: invalid partition specified: nowhere")
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "outputs").exists()
    assert not (tmp_path / "mlruns").exists()


def test_a_stopped_sweep_is_concluded_with_how_slurm_ended_its_jobs(tmp_path, start_sweep):
    start_sweep(*FOUR, "trainer.epochs=20000", *LAUNCHER).communicate(timeout=120)
    sweep = sweep_of(tmp_path)
    wait_until(lambda: list(states(sweep).values())[:2] == ["running", "running"], "no job ran")
    done = run(tmp_path, "stop", sweep.path)
    assert done.returncode == 0, done.stderr
    printed = require_concluded(sweep)
    assert list(states(sweep).values()) == ["interrupted", "interrupted", "planned", "planned"]
    assert printed.count("Slurm: cancelled before the run began") == 2
    assert "Resume with: python -m vae_exp.resume" in printed
    assert {found.info.status for found in tracked(tmp_path)[1].values()} == {"KILLED"}


def kill_the_command(process, sweep_of_it, rng):
    """Kill the command at a random moment of its submission."""
    sweep = wait_until(sweep_of_it, "no plan was written")
    time.sleep(rng.uniform(0, 1.5))
    process.kill()
    process.communicate()
    return sweep


def restart_the_controller(sweep, rng):
    controller = next(each for each in psutil.process_iter(["name"]) if each.info["name"] == "slurmctld")
    command = controller.cmdline()
    controller.terminate()
    controller.wait(60)
    time.sleep(rng.uniform(0, 3))
    subprocess.run(command, check=True, capture_output=True)


def set_the_node_down_and_up(sweep, rng):
    node = output_of("sinfo", "--noheader", "--format=%n").split()[0]
    subprocess.run(["scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test"], check=True)
    time.sleep(rng.uniform(1, 4))
    output_of("scontrol", "update", f"NodeName={node}", "State=RESUME")  # refused if the node has come back by itself
    wait_until(has_node, "the node did not come back")


def requeue_a_task(sweep, rng):
    task = rng.choice([task for task in jobs_of(sweep).values() if task.state == "RUNNING"])
    subprocess.run(["scontrol", "requeue", task.number], check=True)


def cancel_a_task(sweep, rng):
    subprocess.run(["scancel", rng.choice(list(jobs_of(sweep).values())).number], check=True)


FAULTS = [None, restart_the_controller, set_the_node_down_and_up, requeue_a_task, cancel_a_task]
"""None: the command is killed."""


def start_what_waits_for_its_time(sweep):
    """Start requeued tasks now: Slurm would wait for two minutes.

    Don't while the node still ends the earlier attempt: Slurm would drain the node because of the duplicate.
    """
    is_ending = any(each.info["name"] == "slurmstepd" for each in psutil.process_iter(["name"]))
    for task in [] if is_ending else jobs_of(sweep).values():
        if task.state == "PENDING" and task.reason == "BeginTime":
            output_of("scontrol", "update", f"JobId={task.number}", "StartTime=now")
    return not queue(sweep)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(20))
def test_a_sweep_handed_over_to_slurm_survives_a_fault(tmp_path, start_sweep, seed):
    rng = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    options = [*SHORT, *LAUNCHER, f"hydra.sweeper.jobs_per_task={rng.choice([1, 2])}"]
    process = start_sweep(*options)
    if fault is None:
        sweep = kill_the_command(
            process, lambda: list(tmp_path.glob("outputs/*/sweep.json")) and sweep_of(tmp_path), rng
        )
        submitted_all = any(job.concludes for job in queue(sweep))
        resumed = run(tmp_path, "resume", sweep.path, *LAUNCHER)
        assert resumed.returncode == (2 if submitted_all else 0), resumed.stderr
    else:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
        sweep = sweep_of(tmp_path)
        wait_until(lambda: any(task.state == "RUNNING" for task in jobs_of(sweep).values()), "no task ran")
        time.sleep(rng.uniform(0, 8))
        fault(sweep, rng)
    wait_until(lambda: start_what_waits_for_its_time(sweep), "Slurm still had jobs")
    printed = require_concluded(sweep)
    found = states(sweep)
    assert set(found.values()) <= {"finished", "interrupted", "planned"}
    assert ("Resume with: " in printed) == (set(found.values()) != {"finished"})
    if fault is None:
        assert list(sessions(sweep).values()) == [1, 1, 1, 1]
    if set(found.values()) != {"finished"}:
        assert run(tmp_path, "resume", sweep.path, *LAUNCHER, "hydra.sweeper.wait=true").returncode == 0
    require_history(tmp_path, sweep)
