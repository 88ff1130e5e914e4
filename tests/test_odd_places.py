"""Commands whose folder is removed, that hit limits of the shell, or that can't write."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import Command, run
from disks import small_disk
from mlflow import MlflowClient
from servers import free_port

from vae_exp.compare import compare
from vae_exp.resume import resume
from vae_exp.storage.run_folder import RunFolder
from vae_exp.terminal import new_console

pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="Windows removes no folder that is in use, and has no ulimit"
)
FIXTURES = Path(__file__).parent / "fixtures"
SMALL = ["data=digits", "model=mlp", "model.hidden=[8]", "trainer.patience=null"]
SMALL += ["trainer.threads=1", "trainer.device=cpu", "evaluation.final=false", "figures.which=[]"]


def new_process(place, verb, *arguments, environment):
    """Start a command as the user does. Python 3.13.0 finds no codec in a fork whose working folder is deleted."""
    command = [sys.executable, "-m", f"vae_exp.{verb}", *arguments]
    return subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def started(place, *overrides, uri=None, start=Command):
    """Start a run in a folder and wait until it has trained an epoch."""
    place.mkdir(exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment |= {"PWD": str(place)} | ({"MLFLOW_TRACKING_URI": uri} if uri else {})
    command = start(place, "train", *SMALL, *overrides, environment=environment)
    command.folder = next(Path(text.partition("=")[2]) for text in overrides if text.startswith("hydra.run.dir="))
    wait_for_epochs(command, 1)
    return command


def wait_for_epochs(command, more):
    """Wait until a running command has trained `more` more epochs."""
    file = command.folder / "metrics.jsonl"
    before = lines_of(file)
    while lines_of(file) < before + more:
        assert command.poll() is None, command.communicate()
        time.sleep(0.02)


def lines_of(file):
    return file.read_bytes().count(b"\n") if file.exists() else 0


# Folders that are removed


@pytest.mark.process
def test_a_run_finishes_although_its_working_folder_is_deleted(tmp_path):
    given = (f"hydra.run.dir={tmp_path / 'run'}", "trainer.epochs=40", "tracking=none")
    command = started(tmp_path / "here", *given, start=new_process)
    shutil.rmtree(tmp_path / "here")
    printed, errors = command.communicate(300)
    assert (command.returncode, errors) == (0, "")
    assert "\nfinished  best epoch" in printed
    assert RunFolder(tmp_path / "run").state() == "finished"
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.process
def test_a_run_whose_folder_is_renamed_fails_with_one_line(tmp_path):
    command = started(tmp_path / "here", f"hydra.run.dir={tmp_path / 'run'}", "trainer.epochs=9999", "tracking=none")
    (tmp_path / "run").rename(tmp_path / "renamed")
    _, errors = command.communicate(300)
    assert command.returncode == 1
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("run was removed or renamed while the run trained")
    assert "run.log" not in line
    assert not (tmp_path / "run").exists()
    assert RunFolder(tmp_path / "renamed").state() == "interrupted"


# The store


@contextlib.contextmanager
def locked(database):
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.close()


def wait_until_sent(command):
    """Wait until all epochs were sent, twice: the first time may have started before the test changed the store."""
    note = command.folder / "mlflow.json"
    for _ in range(2):
        epochs = lines_of(command.folder / "metrics.jsonl") + 1
        end = time.monotonic() + 300  # so that a failing test ends
        while not (note.exists() and sent(note) >= epochs):
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < end, f"{epochs} epochs were not sent"
            time.sleep(0.05)


def sent(note):
    return int(note.read_text().partition('"epochs": ')[2].partition(",")[0])


@pytest.mark.process
def test_a_database_that_is_locked_removed_or_emptied_during_a_run_gets_everything(tmp_path):
    command = started(
        tmp_path / "here", f"hydra.run.dir={tmp_path / 'run'}", "trainer.epochs=999999", "trainer.batch_size=10"
    )
    database = tmp_path / "here" / "mlflow.db"
    wait_until_sent(command)
    with locked(database):
        time.sleep(8)  # MLflow gives up after five
    wait_until_sent(command)
    database.unlink()
    wait_until_sent(command)
    with database.open("wb"):
        pass
    wait_until_sent(command)
    command.send_signal(15)
    _, errors = command.communicate(300)
    assert command.returncode == 143
    *lines, last = errors.splitlines()
    assert last.startswith("error: stopped; ")
    assert all(line.startswith(f"tracking: sqlite:///{database} ") or "mlflow.db was removed" in line for line in lines)
    assert sum("was removed or replaced" in line for line in lines) == 2, errors
    assert len(lines) <= 4  # also: it is locked, it answers again
    client = MlflowClient(f"sqlite:///{database}")
    (shown,) = client.search_runs([client.get_experiment_by_name("vae_exp").experiment_id])
    assert shown.info.status == "KILLED"
    points = client.get_metric_history(shown.info.run_id, "loss/val")
    assert sorted(point.step for point in points) == list(range(1, len(RunFolder(tmp_path / "run").records()) + 1))


@pytest.mark.process
def test_a_failure_to_send_is_reported_once_at_the_end(tmp_path):
    uri = f"http://127.0.0.1:{free_port()}"
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
    done = run(tmp_path, "train", *SMALL, "trainer.epochs=1", "hydra.run.dir=run", environment=environment)
    assert done.returncode == 0
    errors = [line for line in done.stderr.splitlines() if "can't be used" not in line]  # reported at the start
    why = f"tracking: {uri} does not have all of this run: Connection refused"
    assert errors == [f"{why}; send it with: python -m vae_exp.resume {tmp_path / 'run'}"]


# Limits of the shell


def limited(limit, cwd, *arguments):
    """Run `train` under a limit of the shell."""
    command = f'ulimit {limit}; exec "$0" -m vae_exp.train "$@" tracking=none'
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    streams = {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run(["bash", "-c", command, sys.executable, *arguments], cwd=cwd, env=environment, **streams)


@pytest.mark.process
def test_a_file_size_limit_is_reported_in_one_line_with_what_to_do(tmp_path):
    done = limited("-f 1", tmp_path, *SMALL, "hydra.run.dir=run")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "File too large" in line
    assert "nothing was trained" in line
    assert "hydra.run.dir" in line


@pytest.mark.process
def test_a_launcher_that_can_start_no_worker_fails_with_one_line_and_keeps_the_plan(tmp_path):
    parallel = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=sweep"]
    done = limited("-n 12", tmp_path, "-m", *SMALL, "seed=0,1", *parallel)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: no job could be started: ")
    assert line.endswith("Too many open files")
    assert "python -m vae_exp.resume sweep hydra/launcher=joblib" in done.stdout
    assert (tmp_path / "sweep" / "sweep.json").exists()


# A read-only disk


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A finished run on a read-only disk, where the command is started too."""
    with small_disk(tmp_path / "disk", "2m") as disk:
        run = shutil.copytree(FIXTURES / "finished_run_0.1.0", disk.folder / "run")
        disk.forbid_writing()
        monkeypatch.chdir(disk.folder)
        yield run
        monkeypatch.chdir(tmp_path)


def test_without_a_writable_folder_compare_prints_the_table_without_a_report(finished, capsys):
    assert compare([finished], new_console()) is None
    printed = capsys.readouterr().out
    assert "35.88" in printed
    assert "no report" in printed


def test_resuming_a_finished_read_only_run_succeeds(finished, capsys):
    assert resume(finished, []) == 0
    printed, errors = capsys.readouterr()
    assert printed.startswith("finished")
    assert "there is no report" in errors
    assert "Traceback" not in errors
