"""However a run ends, its folder and MLflow show how: at once, or after the next command if it was killed."""

import json
import os
import signal
import time

import pytest
from commands import Command
from mlflow import MlflowClient
from tracked import TRACKING

from vae_exp.storage.files import read_json
from vae_exp.storage.run_folder import RunFolder
from vae_exp.tracking import reconcile

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name != "posix", reason="runs are ended with signals that Windows lacks"),
]

ENDINGS = {
    "sigterm": signal.SIGTERM,
    "sigint": signal.SIGINT,
    "sigkill": signal.SIGKILL,
    "exception": None,
}
"""The signal that ends each run; the last one fails by itself, since its loss becomes infinite."""
LONG = ["data=digits", "model.channels=[1,8]", "trainer.epochs=9999"]
LONG += ["trainer.checkpoint_every=9999", "trainer.threads=1", "evaluation.final=false", "figures.which=[]"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("endings")


@pytest.fixture(scope="module")
def ended(place):
    """Exit code and standard error of one run for each ending; they run at the same time with one store."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    diverging = {"exception": ["optimizer=sgd", "optimizer.lr=1e30"]}
    processes = {
        name: Command(
            place,
            "train",
            *LONG,
            f"hydra.run.dir={name}",
            f"seed={seed}",
            *diverging.get(name, []),
            environment=environment,
        )
        for seed, name in enumerate(ENDINGS)
    }
    for name, number in ENDINGS.items():
        if number is not None:
            wait_until_shown(place / name, processes[name])
            processes[name].send_signal(number)
    errors = {name: process.communicate(timeout=300)[1] for name, process in processes.items()}
    return {name: (process.returncode, errors[name]) for name, process in processes.items()}


def wait_until_shown(folder, process):
    """Wait until MLflow has an epoch of the run."""
    note = folder / "mlflow.json"
    while not (note.exists() and '"epochs": 0' not in note.read_text() and '"run_id": "' in note.read_text()):
        assert process.poll() is None
        time.sleep(0.05)


@pytest.fixture(scope="module")
def store(place):
    return MlflowClient(f"sqlite:///{place / 'mlflow.db'}")


def shown(store, place, name):
    """Return the MLflow run of a folder."""
    (run,) = [run for run in runs_by_folder(store) if run.data.tags["folder"] == str(place / name)]
    return run


def runs_by_folder(store):
    return store.search_runs([store.get_experiment_by_name("vae_exp").experiment_id])


@pytest.mark.parametrize(("name", "code"), [("sigterm", 143), ("sigint", 130)])
def test_a_run_stopped_by_a_signal_is_marked_at_once(place, store, ended, name, code):
    folder = RunFolder(place / name)
    returned, errors = ended[name]
    assert returned == code
    assert errors.splitlines()[-1] == f"error: stopped; resume with: python -m vae_exp.resume {name}"
    assert "Traceback" not in errors
    assert (folder.read_status().state, folder.read_status().error) == ("interrupted", "stopped by a signal")
    assert "stopped by a signal" in folder.log_file.read_text()
    run = shown(store, place, name)
    assert (run.info.status, run.data.tags["error"]) == ("KILLED", "stopped by a signal")
    points = store.get_metric_history(run.info.run_id, "loss/val")
    assert sorted(point.step for point in points) == list(range(1, len(folder.records()) + 1))


def test_a_failed_run_reports_the_error_and_logs_the_traceback(place, store, ended):
    folder = RunFolder(place / "exception")
    code, errors = ended["exception"]
    why = "the loss became NaN or infinite at epoch 1"
    assert code == 1
    assert errors.splitlines()[-1].startswith(f"error: {why}")
    assert errors.splitlines()[-1].endswith("see exception/run.log")
    assert "Traceback" not in errors
    assert "Traceback (most recent call last)" in folder.log_file.read_text()
    assert folder.read_status().state == "failed"
    assert folder.read_status().error.startswith(why)
    run = shown(store, place, "exception")
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith(why)


def test_a_run_killed_without_warning_is_marked_by_the_next_command(place, store, ended):
    folder = RunFolder(place / "sigkill")
    assert ended["sigkill"][0] == -signal.SIGKILL
    assert folder.read_status().state == "running"
    assert folder.state() == "interrupted"
    rebooted = read_json(folder.status_file) | {"pid": os.getpid()}  # another process has the same id
    folder.status_file.write_text(json.dumps(rebooted))
    assert folder.state() == "interrupted"
    assert shown(store, place, "sigkill").info.status == "RUNNING"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        reconcile(TRACKING, [folder])
    run = shown(store, place, "sigkill")
    assert run.info.status == "KILLED"
    points = store.get_metric_history(run.info.run_id, "loss/val")
    assert sorted(point.step for point in points) == list(range(1, len(folder.records()) + 1))


def test_no_run_stays_running(place, store, ended):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        reconcile(TRACKING, [RunFolder(place / name) for name in ended])
    assert {run.info.status for run in runs_by_folder(store)} == {"KILLED", "FAILED"}
