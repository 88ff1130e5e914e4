"""A real tracking server fails during runs: training continues, and in the end nothing is missing or duplicated."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from servers import postgresql, proxy, server, why_no_postgresql
from tracked import TRACKING, Run, assert_complete, runs

from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import reconcile

SEED = 20260101
TESTS = str(Path(__file__).parent)

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name != "posix", reason="servers are stopped with signals that Windows lacks"),
]


@pytest.fixture(scope="module")
def _server(tmp_path_factory):
    with server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def running(_server):
    """The server, started again if an earlier test killed it."""
    return _server if _server.process else _server.start().wait()


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    """Wait two seconds for a server that hangs instead of ten."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)


def experiment(path):
    return type(TRACKING)(experiment=path.name)


def start(path, uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return Run(path / "run", tracking=experiment(path)).start()


def require_all(uri, folder, tracking):
    """Send what is missing, as the next command does, and require that the server's history is complete."""
    reconcile(tracking, [folder])
    client = MlflowClient(uri)
    (run,) = runs(client, tracking.experiment).values()
    assert run.info.status == "FINISHED"
    assert_complete(client, run, folder)


def wait_until(holds, seconds=120):
    """Wait until `holds()` is true, for at most `seconds`, so that a failing test ends."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)


def require_quick(seconds):
    """Require a median below one second per epoch: a tracker that waits delays each epoch, a busy machine only some."""
    assert seconds[len(seconds) // 2] < 1


def sent(run, epochs):
    return lambda: f'"epochs": {epochs}' in (run.folder.path / "mlflow.json").read_text()


def test_a_server_that_is_down_at_the_start_is_reported_and_gets_everything_once_it_is_up(
    running, tmp_path, monkeypatch, capsys
):
    running.kill()
    run = start(tmp_path, running.uri, monkeypatch)
    printed = ""

    def is_named():
        nonlocal printed
        printed += capsys.readouterr().err
        return f"{running.uri} can't be used: Connection refused" in printed

    wait_until(is_named, seconds=10)  # the promised limit: a refused connection needs no timeout
    run.train(2)
    running.start().wait()
    wait_until(sent(run, 2))
    run.train(2)
    run.finish()
    client = MlflowClient(running.uri)
    shown = runs(client, tmp_path.name)["latent_dim=2"]
    assert shown.info.status == "FINISHED"
    assert_complete(client, shown, run.folder)


def test_a_server_that_is_killed_gets_the_rest_from_the_next_command(running, tmp_path, monkeypatch, capsys):
    run = start(tmp_path, running.uri, monkeypatch)
    run.train(2)
    wait_until(sent(run, 2))
    running.kill()
    require_quick(run.train(3))
    run.finish()
    assert f"resume {run.folder.path}" in capsys.readouterr().err
    reconcile(experiment(tmp_path), [run.folder])
    assert "can't be reached" in capsys.readouterr().err
    running.start().wait()
    require_all(running.uri, run.folder, experiment(tmp_path))


def test_waiting_for_a_hanging_server_ends_and_the_rest_is_sent_later(running, tmp_path, monkeypatch, capsys):
    run = start(tmp_path, running.uri, monkeypatch)
    run.train(2)
    wait_until(sent(run, 2))
    running.signal(signal.SIGSTOP)
    try:
        require_quick(run.train(3))
        run.finish()
        assert "python -m vae_exp.resume" in capsys.readouterr().err
    finally:
        running.signal(signal.SIGCONT)
    running.wait()
    require_all(running.uri, run.folder, experiment(tmp_path))


@pytest.mark.parametrize("status", [500, 403])
def test_a_server_that_answers_with_an_error_gets_the_rest_later(running, tmp_path, monkeypatch, capsys, status):
    with proxy(running.uri) as between:
        run = start(tmp_path, between.uri, monkeypatch)
        run.train(2)
        wait_until(sent(run, 2))
        between.status = status
        require_quick(run.train(2))
        run.finish()
        assert "does not have all of this run" in capsys.readouterr().err
        between.status = None
        require_all(between.uri, run.folder, experiment(tmp_path))


def test_lost_answers_duplicate_nothing(running, tmp_path, monkeypatch):
    """Every call that changes something is carried out, but the first answers are lost."""
    with proxy(running.uri) as between:
        between.lose = 8
        run = start(tmp_path, between.uri, monkeypatch)
        wait_until(lambda: between.lose < 6)
        run.train(4)
        run.finish()
        between.lose = 0
        require_all(between.uri, run.folder, experiment(tmp_path))


# --- the long series -------------------------------------------------------------------------------------------------

JOB = """
import sys
sys.path.insert(0, sys.argv[1])
from tracked import Run, TRACKING
run = Run(sys.argv[2], label=sys.argv[3], tracking=type(TRACKING)(experiment="series")).start()
seconds = run.train(60, pause=0.5)
run.finish()
print(seconds[56])
"""


@pytest.mark.faults
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_four_jobs_lose_nothing_to_a_server_that_is_killed_at_random(tmp_path, monkeypatch, backend, request):
    random.seed(SEED)
    address = request.getfixturevalue("postgresql_address") if backend == "postgresql" else None
    with server(tmp_path / "server", address) as victim:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", victim.uri)
        jobs = [
            subprocess.Popen([sys.executable, "-c", JOB, TESTS, f"job{number}", f"job{number}"], stdout=subprocess.PIPE)
            for number in range(4)
        ]
        kills = 0
        while any(job.poll() is None for job in jobs):
            time.sleep(random.uniform(0, 12))
            victim.kill()
            kills += 1
            time.sleep(random.uniform(0, 4))
            victim.start()
            if random.random() < 0.7:
                victim.wait()
        victim.wait()
        assert kills >= 3
        print(f"{backend}: {kills} kills of the server")
        all_but_three = [float(job.communicate()[0]) for job in jobs]
        tracking = type(TRACKING)(experiment="series")
        folders = [RunFolder(tmp_path / f"job{number}") for number in range(4)]
        reconcile(tracking, folders)
        client = MlflowClient(victim.uri)
        shown = runs(client, "series")
        assert set(shown) == {f"job{number}" for number in range(4)}
        for folder in folders:
            assert shown[folder.path.name].info.status == "FINISHED"
            assert_complete(client, shown[folder.path.name], folder)
        assert max(all_but_three) < 1  # last: a busy machine alone may take longer


def fill(file):
    """Write to a file until its disk is full."""
    with file.open("wb", buffering=0) as open_file:
        while True:
            open_file.write(bytes(512))


@pytest.mark.faults
def test_a_server_with_a_full_disk_gets_the_rest_once_there_is_space(tmp_path, monkeypatch, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small tmpfs needs rights that are missing here")
    try:
        with server(disk) as small:
            run = start(tmp_path, small.uri, monkeypatch)
            run.train(2)
            wait_until(sent(run, 2))
            filler = disk / "filler"
            with pytest.raises(OSError, match="No space"):
                fill(filler)
            require_quick(run.train(40))
            run.finish()
            assert "does not have all of this run" in capsys.readouterr().err
            filler.unlink()
            require_all(small.uri, run.folder, experiment(tmp_path))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def postgresql_address():
    if reason := why_no_postgresql():
        pytest.skip(reason)
    with postgresql() as address:
        yield address
