"""Sweeps handed over to a real Slurm and left alone: the command returns, a last job concludes."""

import random
import subprocess
import time

import psutil
import pytest
from clusters import FOUR, LAUNCHER, ask, begin, cluster, has_node, jobs_of, sessions, until
from sweeps import QUICK, require_history, run, states, sweep_of, tracked

from vae_exp.sweeping import slurm

pytestmark = pytest.mark.process
__all__ = ["begin", "cluster"]

THREE = ["-m", "seed=0,1,2", *QUICK]
SHORT = [option.replace("1,2,200,300", "20,25,200,300") for option in FOUR]
"""Two of its jobs take some seconds: a fault may come before, during and after them."""
TWO_A_TASK = [*LAUNCHER, "hydra.sweeper.jobs_per_task=2"]


def queue(sweep):
    return slurm.queued(sweep.path / slurm.HOME)


def require_concluded(sweep, count=1):
    """Wait until nothing of a sweep is queued; require that so many jobs concluded it, and return what they printed."""
    until(lambda: not queue(sweep), "Slurm still had jobs")
    logs = sorted(sweep.path.glob(".submitit/*/conclusion/*.out"))
    assert len(logs) == count, [path.read_text() for path in sweep.path.glob(".submitit/*/*/*.err")]
    assert (sweep.path / "report.html").exists()
    return "".join(log.read_text(encoding="utf-8") for log in logs)


def test_the_command_returns_and_the_last_slurm_job_writes_the_report(tmp_path, begin):
    stdout, stderr = (process := begin(*THREE, *TWO_A_TASK)).communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")
    sweep = sweep_of(tmp_path)
    assert set(ask("squeue", "--noheader", "--format=%j").split()) >= {sweep.path.name}
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


def test_a_submission_that_slurm_refuses_reports_slurms_error_and_leaves_nothing_behind(tmp_path, begin):
    process = begin(*THREE, *LAUNCHER, "hydra.launcher.partition=nowhere")
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert stderr.startswith("error: Slurm accepted no job: invalid partition specified: nowhere")
    assert len(stderr.splitlines()) == 1
    assert not (tmp_path / "outputs").exists()
    assert not (tmp_path / "mlruns").exists()


def test_a_stopped_sweep_is_concluded_with_how_slurm_ended_its_jobs(tmp_path, begin):
    begin(*FOUR, "trainer.epochs=100000", *LAUNCHER).communicate(timeout=120)
    sweep = sweep_of(tmp_path)
    until(lambda: list(states(sweep).values())[:2] == ["running", "running"], "no job ran")
    done = run(tmp_path, "stop", sweep.path)
    assert done.returncode == 0, done.stderr
    printed = require_concluded(sweep)
    assert list(states(sweep).values()) == ["interrupted", "interrupted", "planned", "planned"]
    assert printed.count("Slurm: cancelled before the run began") == 2
    assert "Resume with: python -m vae_exp.resume" in printed
    assert {found.info.status for found in tracked(tmp_path)[1].values()} == {"KILLED"}


def kill_the_command(process, sweep_of_it, chance):
    """Kill it at a random moment of submitting."""
    sweep = until(sweep_of_it, "no plan was written")
    time.sleep(chance.uniform(0, 1.5))
    process.kill()
    process.communicate()
    return sweep


def restart_the_controller(sweep, chance):
    controller = next(each for each in psutil.process_iter(["name"]) if each.info["name"] == "slurmctld")
    command = controller.cmdline()
    controller.terminate()
    controller.wait(60)
    time.sleep(chance.uniform(0, 3))
    subprocess.run(command, check=True, capture_output=True)


def set_the_node_down_and_up(sweep, chance):
    node = ask("sinfo", "--noheader", "--format=%n").split()[0]
    subprocess.run(["scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test"], check=True)
    time.sleep(chance.uniform(1, 4))
    ask("scontrol", "update", f"NodeName={node}", "State=RESUME")  # refused where it has come back by itself
    until(has_node, "the node did not come back")


def requeue_a_task(sweep, chance):
    task = chance.choice([task for task in jobs_of(sweep).values() if task.state == "RUNNING"])
    subprocess.run(["scontrol", "requeue", task.number], check=True)


def cancel_a_task(sweep, chance):
    subprocess.run(["scancel", chance.choice(list(jobs_of(sweep).values())).number], check=True)


FAULTS = [None, restart_the_controller, set_the_node_down_and_up, requeue_a_task, cancel_a_task]
"""None is the death of the command."""


def start_what_waits_for_its_time(sweep):
    """Let tasks that were put back start now: Slurm would wait for two minutes.

    Not while the node still ends an earlier start of one: Slurm would drain it because of the duplicate.
    """
    is_ending = any(each.info["name"] == "slurmstepd" for each in psutil.process_iter(["name"]))
    for task in [] if is_ending else jobs_of(sweep).values():
        if task.state == "PENDING" and task.reason == "BeginTime":
            ask("scontrol", "update", f"JobId={task.number}", "StartTime=now")
    return not queue(sweep)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(20))
def test_a_sweep_handed_over_to_slurm_survives_a_fault(tmp_path, begin, seed):
    chance = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    options = [*SHORT, *LAUNCHER, f"hydra.sweeper.jobs_per_task={chance.choice([1, 2])}"]
    process = begin(*options)
    if fault is None:
        sweep = kill_the_command(
            process, lambda: list(tmp_path.glob("outputs/*/sweep.json")) and sweep_of(tmp_path), chance
        )
        submitted_all = any(job.concludes for job in queue(sweep))
        resumed = run(tmp_path, "resume", sweep.path, *LAUNCHER)
        assert resumed.returncode == (2 if submitted_all else 0), resumed.stderr
    else:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
        sweep = sweep_of(tmp_path)
        until(lambda: any(task.state == "RUNNING" for task in jobs_of(sweep).values()), "no task ran")
        time.sleep(chance.uniform(0, 8))
        fault(sweep, chance)
    until(lambda: start_what_waits_for_its_time(sweep), "Slurm still had jobs")
    printed = require_concluded(sweep)
    found = states(sweep)
    assert set(found.values()) <= {"finished", "interrupted", "planned"}
    assert ("Resume with: " in printed) == (set(found.values()) != {"finished"})
    if fault is None:
        assert list(sessions(sweep).values()) == [1, 1, 1, 1]
    if set(found.values()) != {"finished"}:
        assert run(tmp_path, "resume", sweep.path, *LAUNCHER, "hydra.sweeper.wait=true").returncode == 0
    require_history(tmp_path, sweep)
