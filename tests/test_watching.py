"""`status` and `stop`: the progress of a folder, read without changing it, and stopping what runs in it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from tests import sweeps
from vae_exp.errors import UserError
from vae_exp.machine import process
from vae_exp.status import status
from vae_exp.stop import stop
from vae_exp.storage import lock
from vae_exp.watching import overview
from vae_exp.watching.stopping import own_holder

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def sweep(tmp_path):
    """A finished sweep of two jobs; tests may change their states."""
    return shutil.copytree(FIXTURES / "sweep_0.1.0", tmp_path / "sweep")


def runs(sweep):
    return sorted(path for path in sweep.iterdir() if path.is_dir())


def write_status(run, state, **changes):
    content = json.loads((run / "status.json").read_text())
    content |= {"state": state, "error": None} | msgspec.structs.asdict(process.this_process()) | changes
    (run / "status.json").write_text(json.dumps(content))


def one(folder):
    [found] = overview.read(folder)
    return found


def contents(folder):
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


def test_status_of_a_finished_sweep_shows_its_best_loss_and_no_time_left(sweep):
    found = one(sweep)
    assert found.counts == {"finished": 2}
    assert found.is_over
    assert found.seconds_left is None
    assert found.best.label == "latent_dim=2"
    assert found.best.best_loss == pytest.approx(42.97, abs=0.005)


def test_status_changes_nothing_and_takes_no_lock(sweep, capsys):
    write_status(runs(sweep)[0], "running")
    before = contents(sweep)
    with lock.held(sweep):
        held = contents(sweep)
        status(sweep)
        assert contents(sweep) == held
    assert before.keys() <= contents(sweep).keys()


def test_a_sweep_between_two_jobs_is_running_while_its_command_lives(sweep, capsys):
    write_status(runs(sweep)[1], "planned")
    assert one(sweep).is_over
    with lock.held(sweep):
        status(sweep)
        assert not one(sweep).is_over
        note = json.loads((sweep / lock.NOTE).read_text())
    assert f"no job runs at this moment: process {os.getpid()}" in capsys.readouterr().out
    (sweep / lock.NOTE).write_text(json.dumps(note | {"process_started": 1.0}))  # as if that process was killed
    assert one(sweep).is_over
    (sweep / lock.NOTE).write_text(json.dumps(note | {"host": "node17"}))
    assert one(sweep).is_over


def test_the_time_left_is_that_of_the_missing_epochs_over_the_running_jobs(sweep):
    first, second = runs(sweep)
    write_status(first, "running")
    write_status(second, "planned")
    for run in (first, second):
        lines = (run / "metrics.jsonl").read_text().splitlines()
        record = json.loads(lines[0]) | {"seconds": 3.0}
        (run / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    found = one(sweep)
    assert [job.epoch for job in found.jobs] == [1, 1]
    assert found.seconds_left == pytest.approx(6.0)  # each lacks one epoch, and one job runs
    write_status(second, "running")
    assert one(sweep).seconds_left == pytest.approx(3.0)


@pytest.mark.process
def test_a_run_without_a_process_is_interrupted_unless_it_is_on_another_host(sweep, capsys):
    first, second = runs(sweep)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_status(first, "running", pid=gone.pid)
    write_status(second, "running", host="node17", pid=1)
    found = one(sweep)
    assert [job.state for job in found.jobs] == ["interrupted", "running"]
    status(sweep)
    shown = capsys.readouterr().out
    assert "node17, last epoch" in shown
    assert "ago" in shown


def test_a_failed_job_is_shown_with_its_error_and_the_next_step(sweep, capsys):
    write_status(runs(sweep)[1], "failed", error="the loss became NaN\x1b[2J")
    status(sweep)
    shown = capsys.readouterr().out
    assert "1 failed, 1 finished" in shown
    assert "latent_dim=3: the loss became NaN\\x1b[2J" in shown
    assert "python -m vae_exp.resume" in shown


def test_a_folder_of_runs_and_sweeps_is_shown_with_one_line_each(sweep, tmp_path, capsys):
    shutil.copytree(FIXTURES / "finished_run_0.1.0", tmp_path / "run")
    (tmp_path / "notes").mkdir()
    assert [each.is_sweep for each in overview.read(tmp_path)] == [False, True]
    status(tmp_path)
    assert "2 runs and sweeps" in capsys.readouterr().out


def test_status_json_contains_every_job(sweep, capsys):
    status(sweep, as_json=True)
    [content] = json.loads(capsys.readouterr().out)
    assert content["states"] == {"finished": 2}
    assert [job["epoch"] for job in content["jobs"]] == [2, 2]
    assert content["best"]["job"] == "latent_dim=2"


def seen_on_a_terminal(*arguments, width):
    """Run a command in a new terminal; return its exit code and its output."""
    terminal, end = os.openpty()
    command = [sys.executable, "-m", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=end, stderr=end, env=os.environ | {"COLUMNS": str(width)})
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    return process.wait(60), shown.decode()


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="Windows has other terminals")
def test_status_watch_draws_in_a_terminal_and_ends_with_the_sweep(sweep):
    code, shown = seen_on_a_terminal("vae_exp.status", sweep, "--watch", width=80)
    assert code == 0, shown
    assert "2 jobs: 2 finished" in " ".join(shown.split())
    assert "lowest validation loss so far: 42.97 nats, latent_dim=2, epoch 2" in shown


@pytest.mark.parametrize("verb", [status, stop])
def test_an_empty_folder_and_a_damaged_plan_are_refused(verb, sweep, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds neither runs nor sweeps"):
        verb(tmp_path / "empty")
    (sweep / "sweep.json").write_text("{")
    with pytest.raises(UserError, match=r"sweep\.json"):
        verb(sweep)


def test_stopping_without_a_running_job_is_refused(sweep):
    with pytest.raises(UserError, match="nothing runs and nothing is queued"):
        stop(sweep)


def test_stopping_a_run_on_another_host_is_refused_with_the_host(sweep):
    write_status(runs(sweep)[0], "running", host="node17")
    with pytest.raises(UserError, match="a run on node17: stop it there"):
        stop(sweep)


@pytest.mark.process
def test_a_process_without_the_lock_is_never_signalled(sweep):
    """An untrusted lock file may name any process of the caller, while another process holds the lock."""
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    hold = "import sys, time; from filelock import FileLock; FileLock(sys.argv[1]).acquire(); print(flush=True); "
    holder = subprocess.Popen(
        [sys.executable, "-c", hold + "time.sleep(600)", sweep / lock.LOCK], stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        since = psutil.Process(innocent.pid).create_time()
        noted = {"host": socket.gethostname(), "pid": innocent.pid, "process_started": since}
        (sweep / lock.NOTE).write_text(json.dumps(noted))
        assert own_holder(sweep) is None
        with pytest.raises(UserError):
            stop(sweep)
        assert innocent.poll() is None
    finally:
        for started in (innocent, holder):
            started.kill()
            started.communicate()


@pytest.mark.process
def test_stopping_a_sweep_leaves_running_jobs_interrupted_and_waiting_ones_planned(tmp_path):
    long = [*sweeps.QUICK, "trainer.epochs=9999", "tracking=none", "hydra.sweep.dir=sweep"]
    command = sweeps.start(tmp_path, "train", "-m", "model.latent_dim=2,3", *long)
    first = None
    while first is None or first.epoch < 1:
        assert command.poll() is None
        time.sleep(0.2)
        first = one(tmp_path / "sweep").jobs[0] if (tmp_path / "sweep" / "sweep.json").exists() else None
    done = sweeps.run(tmp_path, "stop", "sweep")
    assert (done.returncode, done.stderr) == (0, "")
    command.communicate(timeout=60)
    assert command.returncode == 143
    assert [job.state for job in one(tmp_path / "sweep").jobs] == ["interrupted", "planned"]
    assert (tmp_path / "sweep" / "report.html").exists()
