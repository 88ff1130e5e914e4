"""Folders that are copied, moved or removed, and what MLflow then has of their runs."""

import multiprocessing
import os
import shutil
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from compared import config as small_config
from filelock import FileLock
from mlflow import MlflowClient
from PIL import Image
from tracked import Run, assert_complete, runs

from vae_exp import experiment, resume
from vae_exp.config import FiguresConfig, ImagesConfig, MlflowConfig, NoTrackingConfig, TrainerConfig
from vae_exp.config.identity import as_dict
from vae_exp.errors import UserError
from vae_exp.machine import environment, process
from vae_exp.reproduce import _ours
from vae_exp.storage import metrics
from vae_exp.storage.files import write_json
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import Job
from vae_exp.sweeping import job
from vae_exp.sweeping.known_data import with_known_data
from vae_exp.tracking import receipts
from vae_exp.tracking import store as store_module
from vae_exp.tracking.store import Store

TRACKING = MlflowConfig()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, empty_store):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def client():
    return MlflowClient(f"sqlite:///{Path.cwd() / 'mlflow.db'}")


def trained(path, epochs):
    run = Run(path, tracking=TRACKING).start()
    run.train(epochs)
    until_sent(run.folder, len(run.folder.records()))
    run.finish("interrupted", "stopped by a signal")


def until_sent(folder, epochs):
    """Wait until the store has this number of epochs and the first files: a run that stops does not wait long."""
    for _ in range(3600):
        (receipt,) = receipts.read(folder.path).values()
        if receipt.epochs == epochs and "environment.json" in receipt.files:
            return
        time.sleep(0.05)
    raise AssertionError("not sent in three minutes")


def steps():
    """Return the steps of each run in the store by the name of its folder."""
    number = client().get_experiment_by_name("vae_exp").experiment_id
    return {
        Path(run.data.tags["folder"]).name: sorted(
            point.step for point in client().get_metric_history(run.info.run_id, "loss/val")
        )
        for run in client().search_runs([number])
    }


def test_a_copied_run_folder_becomes_another_mlflow_run_and_says_so(place, capsys):
    trained(place / "run", 1)
    shutil.copytree(place / "run", place / "copy")
    trained(place / "copy", 2)
    assert f"copy is a copy of {place / 'run'}: it becomes a separate run" in capsys.readouterr().err
    trained(place / "run", 1)
    assert steps() == {"run": [1, 2], "copy": [1, 2, 3]}


def test_a_moved_run_folder_continues_the_same_mlflow_run(place):
    trained(place / "run", 1)
    (place / "run").rename(place / "moved")
    trained(place / "moved", 1)
    assert steps() == {"moved": [1, 2]}


def test_a_moved_run_folder_whose_run_continued_elsewhere_becomes_another_mlflow_run(place):
    trained(place / "run", 1)
    shutil.copytree(place / "run", place / "old")
    trained(place / "run", 2)
    shutil.rmtree(place / "run")
    trained(place / "old", 1)
    assert steps() == {"run": [1, 2, 3], "old": [1, 2]}


@pytest.mark.slow
def test_a_database_that_is_removed_during_a_run_gets_everything_again(place, capsys):
    run = Run(place / "run", tracking=TRACKING).start()
    run.train(2)
    until_sent(run.folder, 2)
    (place / "mlflow.db").unlink()
    run.train(2)
    run.finish()
    assert_complete(client(), runs(client())["latent_dim=2"], run.folder)
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) <= 3
    assert "SQL" not in errors


def test_the_end_of_a_run_is_sent_although_its_files_can_not_be_stored(place):
    run = Run(place / "run", tracking=TRACKING).start()
    run.train(1)
    until_sent(run.folder, 1)
    shutil.rmtree(place / "mlartifacts")
    (place / "mlartifacts").write_text("no folder")
    run.finish()
    shown = runs(client())["latent_dim=2"]
    assert shown.info.status == "FINISHED"
    assert shown.data.metrics["measures/test_loss"] == 99.5


def test_a_run_is_sent_to_the_mlflow_experiment_of_the_current_session(place):
    trained(place / "run", 1)
    run = Run(place / "run", tracking=MlflowConfig(experiment="another")).start()
    until_sent(run.folder, 1)
    run.finish("interrupted", "stopped by a signal")
    assert set(runs(client(), "another")) == {"latent_dim=2"}


def test_waiting_for_a_store_that_another_process_holds_ends(place, monkeypatch):
    monkeypatch.setattr(store_module, "LONGEST_LOCKED", 0.2)
    opening = Store(f"sqlite:///{place / 'mlflow.db'}").opening()
    with FileLock(f"{place / 'mlflow.db'}.lock"), pytest.raises(TimeoutError, match="another process holds"):
        opening.__enter__()


def test_an_untracked_run_is_reproduced_without_tracking():
    assert _ours(small_config(tracking=NoTrackingConfig()), []).tracking == NoTrackingConfig()
    assert _ours(small_config(tracking=MlflowConfig()), []).tracking == MlflowConfig()


def test_growing_metrics_are_read_from_the_last_position(place):
    reader, file = metrics.Reader(place / "metrics.jsonl"), place / "metrics.jsonl"
    assert reader.update() == []
    for epoch in range(1, 4):
        metrics.append(file, {"epoch": epoch, "timestamp": 0, "seconds": 1.0})
        with file.open("ab") as torn:
            torn.write(b'{"epoch"')
        assert [record["epoch"] for record in reader.update()] == list(range(1, epoch + 1))
        metrics.drop_torn_line(file)
    file.write_bytes(b"x" * reader._at)  # which is not read again
    assert len(reader.update()) == 3


def test_a_run_that_holds_its_lock_is_running_whatever_the_clock_says(place):
    folder = RunFolder(place / "run")
    with folder.locked():
        folder.write_status("running")
        status = folder.read_status()
        write_json(folder.status_file, msgspec.structs.replace(status, process_started=status.process_started - 3600))
        assert folder.state() == "running"
    assert folder.state() == "interrupted"


def test_the_error_of_a_run_without_a_folder_names_no_log(place):
    folder = RunFolder(place / "run")
    error = FileNotFoundError(2, "No such file or directory", str(folder.status_file))
    assert job._explain(error, folder).endswith("run was removed or renamed while the run trained")
    folder.path.mkdir()
    folder.log_file.touch()
    assert job._explain(error, folder).endswith("see run/run.log")


def test_a_deleted_working_folder_is_taken_from_the_environment(place, monkeypatch):
    (place / "gone").mkdir()
    monkeypatch.chdir(place / "gone")
    monkeypatch.setenv("PWD", str(place / "gone"))
    (place / "gone").rmdir()
    assert environment.working_folder() == place / "gone"


# Data folders that only an untrusted file names


def planned(root, digest):
    saved = as_dict(small_config(data=ImagesConfig(root=root, size=8)))
    return Job("a_12345678", "a", [], saved, data=digest)


def test_a_plan_without_a_data_digest_needs_the_callers_folder(place):
    with pytest.raises(UserError, match=r"has no digest of its data.*give yours: data\.root=FOLDER"):
        with_known_data([planned(str(place), None)], None)
    assert with_known_data([planned(None, None)], None)
    assert with_known_data([planned(str(place), "0" * 64)], None)


def test_a_run_without_a_data_digest_needs_the_callers_folder(place):
    folder = RunFolder(place / "run")
    theirs = small_config(data=ImagesConfig(root=str(place), size=8))
    with pytest.raises(UserError, match="has no digest of the data"):
        resume._require_known_data(folder, theirs, [])
    resume._require_known_data(folder, theirs, [f"data.root={place}"])


def pictures(folder, first):
    """Write twelve grey images into a new folder; return it."""
    folder.mkdir()
    for number in range(12):
        Image.new("L", (8, 8), first + number).save(folder / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_resumed_run_reads_only_its_own_or_the_callers_images(place, capsys):
    theirs, mine = pictures(place / "theirs", 10), pictures(place / "mine", 100)
    trainer = TrainerConfig(epochs=1, batch_size=4, threads=1, device="cpu")
    drawing = {"trainer": trainer, "figures": FiguresConfig(which=["reconstructions"])}
    config = small_config(data=ImagesConfig(root=str(theirs), size=8), **drawing)
    folder = RunFolder(place / "run")
    experiment.run(config, folder.path)
    drawn = (folder.figures / "reconstructions.png").read_bytes()
    folder.write_config(as_dict(small_config(data=ImagesConfig(root=str(mine), size=8), **drawing)))
    assert resume.resume(folder.path, ["trainer.epochs=2"]) == 2
    assert "was trained on other data" in capsys.readouterr().err
    noted = folder.environment_file.read_text()
    folder.environment_file.write_text(noted.replace(f'"{folder.read_environment().data.digest}"', "null"))
    with pytest.raises(UserError, match=r"has no digest of the data.*give your folder as data\.root=FOLDER"):
        resume.resume(folder.path, ["trainer.epochs=2"])
    assert (folder.figures / "reconstructions.png").read_bytes() == drawn
    assert len(folder.records()) == 1
    assert resume.resume(folder.path, ["trainer.epochs=2", f"data.root={theirs}"]) == 0
    assert (folder.state(), len(folder.records())) == ("finished", 2)


# Workers


def wait_as_a_worker(parent_is_known):
    process.PAUSE, process.GRACE = 0.05, 0.2
    process.end_with_parent()
    parent_is_known.set()
    time.sleep(60)


def start_a_worker(number, parent_is_known):
    worker = multiprocessing.get_context("fork").Process(target=wait_as_a_worker, args=[parent_is_known])
    worker.start()
    number.value = worker.pid
    parent_is_known.wait()
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.process
def test_a_worker_ends_after_its_parent_has_ended():
    context = multiprocessing.get_context("fork")
    number, known = context.Value("i", 0), context.Event()
    parent = context.Process(target=start_a_worker, args=[number, known])
    parent.start()
    parent.join(30)
    for _ in range(200):
        if not psutil.pid_exists(number.value) or psutil.Process(number.value).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    psutil.Process(number.value).kill()
    raise AssertionError("the worker did not end")
