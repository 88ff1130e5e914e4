"""The commands as a new user runs them, with real processes and a real store, and what they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import commands
import pytest
import yaml
from mlflow import MlflowClient
from omegaconf import OmegaConf

from vae_exp.config import FIGURES
from vae_exp.config.defaults import fill_defaults
from vae_exp.config.identity import as_dict
from vae_exp.config.saved import load_config
from vae_exp.storage.run_folder import RunFolder
from vae_exp.storage.sweep_folder import SweepFolder

pytestmark = pytest.mark.process

SMALL = ["data=digits", "model.channels=[1,8]", "trainer.epochs=3", "trainer.checkpoint_every=2"]
QUICK = ["evaluation.importance_samples=4", "evaluation.importance_images=50", "figures.tsne_points=50"]


def train(folder, *arguments):
    return commands.run(folder, "train", *arguments)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of two small VAEs with measures, figures and tracking, by the command of the README."""
    folder = tmp_path_factory.mktemp("a place with spaces")
    command = [sys.executable, "-m", "vae_exp.train", "-m", "model.latent_dim=2,4", *SMALL, *QUICK]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (outputs,) = (folder / "outputs").iterdir()
    return done, SweepFolder(outputs)


@pytest.fixture(scope="module")
def store(sweep):
    return MlflowClient(f"sqlite:///{sweep[1].path.parents[1] / 'mlflow.db'}")


@pytest.fixture(scope="module")
def tracked(sweep, store):
    """The runs of the store by their names."""
    experiment = store.get_experiment_by_name("vae_exp")
    return {run.info.run_name: run for run in store.search_runs([experiment.experiment_id])}


def test_a_sweep_ends_by_printing_its_table_folder_and_mlflow_command(sweep):
    done, folder = sweep
    for text in (
        "latent_dim",
        str(folder.path.name),
        "report.html",
        "mlflow ui --backend-store-uri 'sqlite:///",  # quoted: the folder has spaces
        "http",
    ):
        assert text in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_every_job_writes_all_documented_files(sweep):
    _, folder = sweep
    for job in folder.jobs():
        run = folder.folder(job)
        assert run.state() == "finished"
        expected = {"config.yaml", "environment.json", "status.json", "metrics.jsonl", "final.json", "run.log"}
        assert expected <= {file.name for file in run.path.iterdir()}
        drawn = {file.stem for file in run.figures.glob("*.png")}
        assert drawn == set(FIGURES) - ({"manifold"} if job.config["model"]["latent_dim"] != 2 else set())
        steps = {file.name for file in (run.figures / "steps").iterdir()}
        assert steps == {"epoch_0000.png", "epoch_0001.png", "epoch_0002.png"}
    assert {"sweep.json", "comparison.csv", "report.html"} <= {file.name for file in folder.path.iterdir()}


def test_the_configuration_that_hydra_saves_is_the_one_that_ran(sweep):
    _, folder = sweep
    for job in folder.jobs():
        run = folder.folder(job)
        composed = load_config(OmegaConf.to_container(OmegaConf.load(run.path / ".hydra" / "config.yaml")), ".hydra")
        threads = job.config["trainer"]["threads"]
        assert as_dict(fill_defaults(composed, threads)) == run.read_config() == job.config


def test_the_store_holds_every_point_of_every_job_once(sweep, store, tracked):
    _, folder = sweep
    assert set(tracked) == {"latent_dim=2", "latent_dim=4"}
    for job in folder.jobs():
        run, records = tracked[job.label], folder.folder(job).records()
        assert run.info.status == "FINISHED"
        names = {
            "train/loss": "loss/train",
            "val/loss": "loss/val",
            "test/reconstruction": "loss_reconstruction/test",
            "test/kl": "loss_kl/test",
        }
        for key, name in names.items():
            points = store.get_metric_history(run.info.run_id, name)
            written = [(record["epoch"], record[key], record["timestamp"]) for record in records]
            assert sorted((point.step, point.value, point.timestamp) for point in points) == written
        assert run.data.params["model.latent_dim"] == str(job.config["model"]["latent_dim"])
        assert run.data.metrics["measures/test_loss"] == folder.folder(job).read_final().measures["test/loss"]


def test_the_store_holds_the_artifacts_of_every_job(sweep, store, tracked):
    _, folder = sweep
    for job in folder.jobs():
        run = folder.folder(job)
        run_id = tracked[job.label].info.run_id
        names = {artifact.path for artifact in store.list_artifacts(run_id)}
        assert {"config.yaml", "metrics.jsonl", "checkpoints", "samples.png", "loss_curves.png"} <= names
        downloaded = Path(store.download_artifacts(run_id, "config.yaml", str(folder.path.parent)))
        assert yaml.safe_load(downloaded.read_text(encoding="utf-8")) == run.read_config()


def test_a_model_of_the_sweep_can_be_loaded_and_sampled(sweep):
    import vae_exp

    _, folder = sweep
    run = vae_exp.load_run(folder.folder(folder.jobs()[0]).path)
    assert run.model.sample(3, seed=0).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.latent_dim=0"], "error: model.latent_dim must be at least 1, got 0"),
        (["data=mnist", "data.root=missing"], "use data=mnist_5k, which needs no download"),
        (["-m", "seed=0,1,-1"], "error: job 3 of 3 (seed=-1): seed must be at least 0 and below 2**63, got -1"),
        (["-m", "seed=0,0"], "error: two jobs of this sweep are the same experiment"),
    ],
)
def test_a_refused_command_prints_one_line_and_creates_nothing(tmp_path, arguments, message):
    done = train(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_refused_command_changes_nothing_in_an_existing_run(sweep):
    run = RunFolder(next(sweep[1].folder(job).path for job in sweep[1].jobs()))
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    place = f"hydra.run.dir='{run.path}'"
    done = train(run.path.parent, place, *SMALL, *QUICK, "model.latent_dim=9")
    assert done.returncode == 2
    assert "holds another experiment (model.latent_dim: 2 → 9)" in done.stderr
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def test_a_loss_that_is_not_finite_ends_the_run_as_failed(tmp_path):
    done = train(tmp_path, *SMALL, "optimizer=sgd", "optimizer.lr=1e30", "tracking=none")
    assert done.returncode == 1
    (outputs,) = (tmp_path / "outputs").iterdir()
    run = RunFolder(outputs)
    assert run.state() == "failed"
    assert "the loss became NaN or infinite at epoch 1" in json.loads(run.status_file.read_text())["error"]
    assert "the loss became NaN or infinite at epoch 1" in done.stderr
    assert "Traceback" not in done.stderr
