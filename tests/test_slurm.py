"""Sweeps on a real Slurm whose command waits for the jobs."""

import signal
import subprocess

import psutil
import pytest
from clusters import (
    FOUR,
    WAIT,
    cluster,
    jobs_of,
    output_of,
    sessions,
    start_sweep,
    wait_until_requeued,
    wait_until_tracked,
)
from sweeps import require_history, run, states, tracked

pytestmark = pytest.mark.process
__all__ = ["start_sweep", "cluster"]


@pytest.mark.faults
def test_a_cancelled_job_stops_no_other_and_resuming_the_sweep_finishes_it(tmp_path, start_sweep):
    process = start_sweep(*FOUR, *WAIT)
    sweep = wait_until_tracked(tmp_path, "batch_size=1")
    subprocess.run(["scancel", jobs_of(sweep)["0"].number], check=True)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1, stderr
    assert list(states(sweep).values()) == ["interrupted", "finished", "finished", "finished"]
    assert [tracked(tmp_path)[1][job.label].info.status for job in sweep.jobs()] == ["KILLED", *3 * ["FINISHED"]]
    advice = f"Resume with: python -m vae_exp.resume outputs/{sweep.path.name} {' '.join(WAIT)}"
    assert advice in stdout.splitlines()
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
        assert session.command == ["python", "-m", "vae_exp.train", *FOUR, *WAIT]


@pytest.mark.faults
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_sweep_leaves_no_job_in_the_queue_and_prints_the_resume_command(tmp_path, start_sweep, number, code):
    process = start_sweep(*FOUR, *WAIT, "trainer.epochs=20000")
    sweep = wait_until_tracked(tmp_path, "batch_size=1", "batch_size=2")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert jobs_of(sweep) == {}
    assert list(states(sweep).values()) == ["interrupted", "interrupted", "planned", "planned"]
    assert {found.info.status for found in tracked(tmp_path)[1].values()} == {"KILLED"}
    assert f"Resume with: python -m vae_exp.resume outputs/{sweep.path.name}" in stdout
    assert "Traceback" not in stdout + stderr


@pytest.mark.faults
def test_a_requeued_job_continues_and_a_killed_one_stops_no_other(tmp_path, start_sweep):
    process = start_sweep(*FOUR, *WAIT, "trainer.epochs=8")
    sweep = wait_until_tracked(tmp_path, "batch_size=1")  # the other may not begin before this one has left its place
    first, second, *_ = sweep.jobs()
    subprocess.run(["scontrol", "requeue", jobs_of(sweep)["0"].number], check=True)
    wait_until_tracked(tmp_path, "batch_size=2")
    psutil.Process(sweep.folder(second).read_status().pid).kill()
    wait_until_requeued(sweep, "0")
    _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1, stderr
    assert list(states(sweep).values()) == ["finished", "interrupted", "finished", "finished"]
    assert list(sessions(sweep).values()) == [2, 1, 1, 1]
    assert "stopped by a signal" in sweep.folder(first).log_file.read_text(encoding="utf-8")
    assert run(tmp_path, "resume", sweep.path, *WAIT).returncode == 0
    require_history(tmp_path, sweep)


@pytest.mark.faults
@pytest.mark.parametrize("times", [0, 1])
def test_a_job_that_times_out_is_interrupted_or_requeued_if_allowed(tmp_path, start_sweep, times):
    process = start_sweep(*FOUR, *WAIT, f"hydra.launcher.max_num_timeout={times}")
    sweep = wait_until_tracked(tmp_path, "batch_size=1")
    output_of("scancel", "--signal=USR2", jobs_of(sweep)["0"].number)  # fails if the job ends meanwhile
    if times:
        wait_until_requeued(sweep, "0")
    _, stderr = process.communicate(timeout=180)
    assert process.returncode == 1 - times, stderr
    assert list(states(sweep).values()) == ["finished" if times else "interrupted", *3 * ["finished"]]
    assert list(sessions(sweep).values()) == [1 + times, 1, 1, 1]
    assert "stopped by a signal" in sweep.folder(sweep.jobs()[0]).log_file.read_text(encoding="utf-8")


@pytest.mark.faults
def test_resuming_a_sweep_with_queued_jobs_is_refused(tmp_path, start_sweep):
    process = start_sweep(*FOUR, *WAIT, "trainer.epochs=20000")
    sweep = wait_until_tracked(tmp_path, "batch_size=1")
    process.kill()
    process.wait()
    done = run(tmp_path, "resume", sweep.path)
    assert done.returncode == 2
    advice = f"wait for them, or stop them with: python -m vae_exp.stop {sweep.path.relative_to(tmp_path)}"
    assert done.stderr == f"error: {sweep.path} has jobs in Slurm's queue; {advice}\n"
