"""Only one process can work in a folder, and its lock ends when it is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from commands import run
from processes import results_of

from vae_exp.errors import UserError
from vae_exp.machine import process
from vae_exp.storage import lock
from vae_exp.storage.files import read_json, write_json
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder

NINE = ["data=digits", "model.channels=[1,8]", "trainer.epochs=9"]
NINE += ["trainer.threads=1", "evaluation.final=false", "figures.which=[]", "tracking=none", "hydra.run.dir=run"]


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="a process is held with signals that Windows lacks")
def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    folder = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "vae_exp.train", *NINE]  # a direct child, as waitid needs it
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        while not folder.records():
            assert first.poll() is None
            time.sleep(0.005)
        first.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            before = tree(folder.path)
            second = run(tmp_path, "train", *NINE)
            assert second.returncode == 2
            (line,) = second.stderr.splitlines()
            assert line.startswith(f"error: {folder.path} is in use by process {first.pid} on ")
            assert tree(folder.path) == before
            assert folder.state() == "running"
        finally:
            first.kill()
    assert first.returncode == -signal.SIGKILL
    assert folder.state() == "interrupted"
    assert 0 < len(folder.records()) < 9
    third = run(tmp_path, "train", *NINE)
    assert third.returncode == 0, third.stderr
    assert results_of(folder.path)["state"] == "finished"
    assert [record["epoch"] for record in folder.records()] == list(range(1, 10))


@pytest.mark.parametrize("kind", [RunFolder, SweepFolder])
def test_a_lock_is_released_after_an_error(tmp_path, kind):
    folder = kind(tmp_path)

    def fail():
        with folder.locked():
            with pytest.raises(UserError, match=f"is in use by process {os.getpid()} on "):
                enter(kind(tmp_path))
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()


def enter(folder):
    with folder.locked():
        raise AssertionError("two are in one folder")


HOLD = """
import sys, time
from pathlib import Path
from vae_exp.storage.files import read_json
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder
with {"RunFolder": RunFolder, "SweepFolder": SweepFolder}[sys.argv[1]](Path(sys.argv[2])).locked():
    print("locked", flush=True)
    time.sleep(1000)
"""


@pytest.mark.process
@pytest.mark.parametrize("kind", [RunFolder, SweepFolder])
def test_a_lock_ends_with_its_process(tmp_path, kind):
    command = [sys.executable, "-c", HOLD, kind.__name__, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UserError):
            enter(kind(tmp_path))
        holder.kill()
    with kind(tmp_path).locked():
        assert (tmp_path / ".lock").exists()


def test_on_another_host_only_the_lock_shows_whether_a_run_is_running(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_status("running")
    status = read_json(folder.status_file) | {"host": "another"}
    folder.status_file.write_text(json.dumps(status))
    assert folder.state() == "interrupted"
    with folder.locked():
        assert RunFolder(tmp_path).state() == "running"
    assert folder.state() == "interrupted"


@pytest.mark.parametrize(
    "change",
    [{"pid": 2**22 + 1}, {"process_started": 1.0}, {"process_started": None}, {"pid": 1}],
    ids=["no such process", "another process with its number", "no start known", "a process of the system's"],
)
def test_after_a_reboot_a_running_run_counts_as_interrupted(tmp_path, change):
    folder = RunFolder(tmp_path)
    folder.write_status("running")
    assert folder.state() == "running"
    folder.status_file.write_text(json.dumps(read_json(folder.status_file) | change))
    assert folder.state() == "interrupted"


def test_a_lock_names_its_holder_only_while_it_is_held(tmp_path):
    with RunFolder(tmp_path).locked():
        assert lock.holder(tmp_path) == process.this_process()
    assert lock.holder(tmp_path) is None


def test_the_name_of_a_holder_that_has_ended_is_ignored(tmp_path):
    write_json(tmp_path / ".lock.json", process.this_process())
    assert lock.holder(tmp_path) is None


@pytest.mark.parametrize("name", [".lock", ".lock.json"])
def test_a_lock_that_is_a_link_or_a_folder_is_refused(tmp_path, name):
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / name).symlink_to(tmp_path / "outside")
    (tmp_path / "folder" / name).mkdir(parents=True)
    for folder in (tmp_path / "link", tmp_path / "folder"):
        with pytest.raises(UserError, match="must be a file, not a folder or a link"):
            enter(SweepFolder(folder))
    assert not (tmp_path / "outside").exists()
